-- name: insert_task_executions
INSERT INTO task_executions (
    id, account_id, job_execution_id, task_id, type, path, attempt, status, worker_id, claim_id, lease, lease_ms,
    lease_expires_at, created_at, updated_at, available_at, poll_timeout_at, started_at, timeout_at, ended_at,
    timer_at, failure, warning, progress, input, output, paused_at, traceparent
) VALUES (
    :id, :account_id, :job_execution_id, :task_id, :type, :path, :attempt, :status, :worker_id, :claim_id, :lease,
    :lease_ms, :lease_expires_at, :created_at, :updated_at, :available_at, :poll_timeout_at, :started_at, :timeout_at, :ended_at,
    :timer_at, :failure, :warning, :progress, :input, :output, :paused_at, :traceparent
);

-- name: update_task_executions
UPDATE task_executions SET
    status = :status, worker_id = :worker_id, claim_id = :claim_id, lease = :lease, lease_ms = :lease_ms,
    lease_expires_at = :lease_expires_at, updated_at = :updated_at, available_at = :available_at,
    poll_timeout_at = :poll_timeout_at, started_at = :started_at, timeout_at = :timeout_at, ended_at = :ended_at,
    timer_at = :timer_at, failure = :failure, warning = :warning, progress = :progress, output = :output, paused_at = :paused_at
WHERE id = :id AND status = :expected_status AND lease IS :expected_lease;

-- name: update_task_execution_inputs
-- Only what is handed out with variables in it: no other input ever changes.
UPDATE task_executions SET input = :input WHERE id = :id;

-- name: task_executions_of
-- These, what is held under claims (`claimed` is [[task_id, claim_id], …]), and what has not ended of job executions.
SELECT * FROM task_executions WHERE id IN (
    SELECT value FROM json_each(:ids)
    UNION ALL
    SELECT t.id FROM json_each(:claimed) AS p JOIN task_executions AS t
        ON t.task_id = p.value ->> 0 AND t.claim_id = p.value ->> 1 AND t.status = 'IN_PROGRESS'
    UNION ALL
    SELECT t.id FROM json_each(:active_of) AS j JOIN task_executions AS t
        ON t.job_execution_id = j.value AND t.status IN ('SCHEDULED', 'IN_PROGRESS')
);

-- name: latest_task_executions
-- The latest attempt at each path of a job execution: `pairs` is [[job_execution_id, path], …].
SELECT t.* FROM json_each(:pairs) AS p, task_executions AS t
WHERE t.seq = (
    SELECT last.seq FROM task_executions AS last
    WHERE last.job_execution_id = p.value ->> 0 AND last.path = p.value ->> 1
    ORDER BY last.attempt DESC LIMIT 1
);

-- name: output_sizes
-- How large the outputs of these are together, by job execution, in characters.
SELECT t.job_execution_id, sum(length(t.output)) FROM json_each(:pairs) AS p, task_executions AS t
WHERE t.seq = (
    SELECT last.seq FROM task_executions AS last
    WHERE last.job_execution_id = p.value ->> 0 AND last.path = p.value ->> 1
    ORDER BY last.attempt DESC LIMIT 1
)
GROUP BY t.job_execution_id;

-- name: claimable_task_executions
-- The oldest ones that wait for a worker: `wanted` is [[task_id, how many], …]. Each step takes the next of its task
-- from the index, so what is read is what is wanted, however many wait.
WITH RECURSIVE oldest (queue_id, wanted, seq) AS (
    SELECT w.value ->> 0, w.value ->> 1, (
        SELECT min(r.seq) FROM task_executions AS r WHERE r.task_id = w.value ->> 0 AND r.status = 'SCHEDULED' AND r.available_at IS NULL AND r.paused_at IS NULL
    )
    FROM json_each(:wanted) AS w
    UNION ALL
    SELECT oldest.queue_id, oldest.wanted - 1, (
        SELECT min(r.seq) FROM task_executions AS r
        WHERE r.task_id = oldest.queue_id AND r.status = 'SCHEDULED' AND r.available_at IS NULL AND r.paused_at IS NULL AND r.seq > oldest.seq
    )
    FROM oldest
    WHERE oldest.wanted > 1 AND oldest.seq IS NOT NULL
)
SELECT e.id, oldest.queue_id, length(e.input) AS size
FROM oldest JOIN task_executions AS e ON e.seq = oldest.seq
ORDER BY e.seq;

-- name: claimable_tasks
SELECT w.value FROM json_each(:task_ids) AS w WHERE EXISTS (
    SELECT 1 FROM task_executions AS r
    WHERE r.task_id = w.value AND r.status = 'SCHEDULED' AND r.available_at IS NULL AND r.paused_at IS NULL
);

-- name: in_progress_counts
SELECT t.task_id, count(*) FROM json_each(:task_ids) AS w
JOIN task_executions AS t ON t.task_id = w.value AND t.status = 'IN_PROGRESS'
GROUP BY t.task_id;

-- name: due_task_executions
SELECT * FROM task_executions WHERE timer_at <= :now AND NOT EXISTS (SELECT 1 FROM sparing WHERE one = 1)
ORDER BY timer_at LIMIT :limit;

-- name: put_off_task_execution
UPDATE task_executions SET timer_at = :until WHERE id = :id AND timer_at = :at;

-- name: next_task_timer
SELECT min(timer_at) FROM task_executions
WHERE timer_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM sparing WHERE one = 1);

-- name: begin_sparing
INSERT INTO sparing (one, since) VALUES (1, :since) ON CONFLICT (one) DO UPDATE SET since = excluded.since;

-- name: sparing_since
SELECT since FROM sparing WHERE one = 1;

-- name: end_sparing
DELETE FROM sparing WHERE one = 1;

-- name: spare_leases
UPDATE task_executions SET
    lease_expires_at = :now + min(lease_ms, :grace_ms),
    timer_at = min(:now + min(lease_ms, :grace_ms), coalesce(timeout_at, 9223372036854775807))
WHERE seq IN (
    SELECT seq FROM task_executions
    WHERE timer_at < :since + :grace_ms AND status = 'IN_PROGRESS' AND lease_expires_at < :since + min(lease_ms, :grace_ms)
    ORDER BY timer_at LIMIT :limit
);

-- name: task_execution
-- What is being erased is not there any more.
SELECT * FROM task_executions AS t WHERE t.id = :id AND t.account_id = :account_id
    AND NOT EXISTS (SELECT 1 FROM erasures AS e WHERE e.id = t.job_execution_id);

-- name: task_executions_of_job
-- Sorts the numbers of all that the job has, but reads only the rows that it gives.
SELECT * FROM task_executions WHERE account_id = :account_id AND seq IN (
    SELECT seq FROM task_executions
    WHERE job_execution_id = :job_execution_id
        AND seq > iif(:cursor IS NULL, 0, (SELECT seq FROM task_executions WHERE id = :cursor AND account_id = :account_id))
    ORDER BY seq LIMIT :limit OFFSET :offset
)
ORDER BY seq;
