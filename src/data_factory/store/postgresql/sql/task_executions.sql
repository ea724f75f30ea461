-- name: insert_task_executions
INSERT INTO task_executions (
    id, account_id, job_execution_id, task_id, type, path, attempt, status, worker_id, claim_id, lease, lease_ms,
    lease_expires_at, created_at, updated_at, available_at, poll_timeout_at, started_at, timeout_at, ended_at,
    timer_at, failure, warning, progress, input, output, paused_at, traceparent
) SELECT * FROM unnest(
    :id::text[], :account_id::text[], :job_execution_id::text[], :task_id::text[], :type::text[], :path::text[],
    :attempt::integer[], :status::text[], :worker_id::text[], :claim_id::text[], :lease::text[], :lease_ms::bigint[],
    :lease_expires_at::bigint[], :created_at::bigint[], :updated_at::bigint[], :available_at::bigint[],
    :poll_timeout_at::bigint[], :started_at::bigint[], :timeout_at::bigint[], :ended_at::bigint[],
    :timer_at::bigint[], :failure::text[], :warning::text[], :progress::text[], :input::text[], :output::text[],
    :paused_at::bigint[], :traceparent::text[]
);

-- name: update_task_executions
UPDATE task_executions AS t SET
    status = n.status, worker_id = n.worker_id, claim_id = n.claim_id, lease = n.lease, lease_ms = n.lease_ms,
    lease_expires_at = n.lease_expires_at, updated_at = n.updated_at, available_at = n.available_at,
    poll_timeout_at = n.poll_timeout_at, started_at = n.started_at, timeout_at = n.timeout_at, ended_at = n.ended_at,
    timer_at = n.timer_at, failure = n.failure, warning = n.warning, progress = n.progress, output = n.output,
    paused_at = n.paused_at
FROM unnest(
    :id::text[], :expected_status::text[], :expected_lease::text[], :status::text[], :worker_id::text[],
    :claim_id::text[], :lease::text[], :lease_ms::bigint[], :lease_expires_at::bigint[], :updated_at::bigint[],
    :available_at::bigint[], :poll_timeout_at::bigint[], :started_at::bigint[], :timeout_at::bigint[],
    :ended_at::bigint[], :timer_at::bigint[], :failure::text[], :warning::text[], :progress::text[], :output::text[],
    :paused_at::bigint[]
) AS n (
    id, expected_status, expected_lease, status, worker_id, claim_id, lease, lease_ms, lease_expires_at, updated_at,
    available_at, poll_timeout_at, started_at, timeout_at, ended_at, timer_at, failure, warning, progress, output, paused_at
)
WHERE t.id = n.id AND t.status = n.expected_status AND t.lease IS NOT DISTINCT FROM n.expected_lease;

-- name: update_task_execution_inputs
-- Only what is handed out with variables in it: no other input ever changes.
UPDATE task_executions AS t SET input = n.input FROM unnest(:id::text[], :input::text[]) AS n (id, input)
WHERE t.id = n.id;

-- name: hold_task_executions
-- These, what is held under claims, and what has not ended of job executions.
SELECT * FROM task_executions WHERE id = ANY (ARRAY(
    SELECT unnest(:ids::text[])
    UNION ALL
    SELECT t.id FROM unnest(:task_ids::text[], :claim_ids::text[]) AS p (task_id, claim_id)
    JOIN task_executions AS t ON t.task_id = p.task_id AND t.claim_id = p.claim_id AND t.status = 'IN_PROGRESS'
    UNION ALL
    SELECT t.id FROM unnest(:active_of::text[]) AS j (id)
    JOIN task_executions AS t ON t.job_execution_id = j.id AND t.status IN ('SCHEDULED', 'IN_PROGRESS')
)) ORDER BY id FOR NO KEY UPDATE;

-- name: latest_task_executions
-- The latest attempt at each path of a job execution.
SELECT t.* FROM unnest(:job_execution_ids::text[], :paths::text[]) AS p (job_execution_id, path), LATERAL (
    SELECT * FROM task_executions AS last
    WHERE last.job_execution_id = p.job_execution_id AND last.path = p.path
    ORDER BY last.attempt DESC LIMIT 1
) AS t;

-- name: output_sizes
-- How large the outputs of these are together, by job execution, in bytes.
SELECT p.job_execution_id, sum(octet_length(t.output))::bigint
FROM unnest(:job_execution_ids::text[], :paths::text[]) AS p (job_execution_id, path), LATERAL (
    SELECT output FROM task_executions AS last
    WHERE last.job_execution_id = p.job_execution_id AND last.path = p.path
    ORDER BY last.attempt DESC LIMIT 1
) AS t
GROUP BY p.job_execution_id;

-- name: claimable_task_executions
-- `= ANY (ARRAY[…])`, here and wherever the first of many are wanted: of a plain `=` the planner knows that it leaves one
-- value, and takes the order of the whole table for that of the queue. Then it may go through all that has ended.
-- The oldest ones that wait for a worker, of each task as many as are wanted, without those that another transaction is
-- just handing out.
SELECT t.id, w.queue_id, octet_length(t.input) AS size
FROM unnest(:task_ids::text[], :counts::bigint[]) AS w (queue_id, wanted), LATERAL (
    SELECT r.id, r.seq, r.input FROM task_executions AS r
    WHERE r.task_id = ANY (ARRAY[w.queue_id]) AND r.status = 'SCHEDULED' AND r.available_at IS NULL AND r.paused_at IS NULL
    ORDER BY r.task_id, r.seq LIMIT w.wanted
    FOR NO KEY UPDATE SKIP LOCKED
) AS t
ORDER BY t.seq;

-- name: claimable_tasks
SELECT w.id FROM unnest(:task_ids::text[]) AS w (id) WHERE EXISTS (
    SELECT FROM task_executions AS r WHERE r.task_id = w.id AND r.status = 'SCHEDULED' AND r.available_at IS NULL AND r.paused_at IS NULL
);

-- name: hold_tasks
-- Who counts what is in progress of a task, to stay within its limit, is alone with it until the transaction ends.
SELECT id FROM tasks WHERE id = ANY (:task_ids::text[]) ORDER BY id FOR NO KEY UPDATE;

-- name: in_progress_counts
SELECT t.task_id, count(*) FROM unnest(:task_ids::text[]) AS w (id)
JOIN task_executions AS t ON t.task_id = w.id AND t.status = 'IN_PROGRESS'
GROUP BY t.task_id;

-- name: due_task_executions
SELECT * FROM task_executions WHERE timer_at <= :now AND NOT EXISTS (SELECT FROM sparing WHERE one = 1)
ORDER BY timer_at LIMIT :limit;

-- name: put_off_task_execution
UPDATE task_executions SET timer_at = :until::bigint WHERE id = :id AND timer_at = :at::bigint;

-- name: next_task_timer
SELECT min(timer_at) FROM task_executions
WHERE timer_at IS NOT NULL AND NOT EXISTS (SELECT FROM sparing WHERE one = 1);

-- name: begin_sparing
INSERT INTO sparing (one, since) VALUES (1, :since) ON CONFLICT (one) DO UPDATE SET since = excluded.since;

-- name: sparing_since
SELECT since FROM sparing WHERE one = 1 FOR UPDATE;

-- name: end_sparing
DELETE FROM sparing WHERE one = 1;

-- name: spare_leases
-- Workers are heard meanwhile: what one of them holds no longer, or has just renewed, is left as it is.
WITH ending AS MATERIALIZED (
    SELECT id FROM task_executions
    WHERE timer_at < :since::bigint + :grace_ms::bigint AND status = 'IN_PROGRESS'
        AND lease_expires_at < :since + least(lease_ms, :grace_ms)
    ORDER BY timer_at LIMIT :limit
), held AS MATERIALIZED (
    SELECT id FROM task_executions
    WHERE id IN (SELECT id FROM ending) AND status = 'IN_PROGRESS'
        AND lease_expires_at < :since + least(lease_ms, :grace_ms)
    ORDER BY id FOR NO KEY UPDATE
), spared AS (
    UPDATE task_executions SET
        lease_expires_at = :now + least(lease_ms, :grace_ms),
        timer_at = least(:now + least(lease_ms, :grace_ms), timeout_at)
    WHERE id IN (SELECT id FROM held)
)
SELECT count(*) FROM ending;

-- name: task_execution
-- What is being erased is not there any more.
SELECT * FROM task_executions AS t WHERE t.id = :id AND t.account_id = :account_id
    AND NOT EXISTS (SELECT 1 FROM erasures AS e WHERE e.id = t.job_execution_id);

-- name: task_executions_of_job
-- Sorts the numbers of all that the job has, but reads only the rows that it gives.
SELECT * FROM (
    SELECT *, sum(octet_length(input) + octet_length(output)) OVER before AS bytes_before FROM (
        SELECT * FROM task_executions WHERE account_id = :account_id AND seq IN (
            SELECT seq FROM task_executions
            WHERE job_execution_id = ANY (ARRAY[:job_execution_id::text])
                AND seq > CASE WHEN :cursor::text IS NULL THEN 0
                    ELSE (SELECT seq FROM task_executions WHERE id = :cursor AND account_id = :account_id) END
            ORDER BY job_execution_id, seq LIMIT :limit OFFSET :offset
        )
    ) AS part
    WINDOW before AS (ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
) AS sized
WHERE coalesce(bytes_before, 0) <= :max_bytes
ORDER BY seq;
