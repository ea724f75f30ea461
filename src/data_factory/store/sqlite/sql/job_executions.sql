-- name: insert_job_executions
INSERT INTO job_executions (
    id, account_id, job_id, job_version, job_account_id, pipeline_id, status, origin, launched_by, created_at,
    started_at, ended_at, deadline_at, title, failure, input, output, variables, pause, priority, traceparent,
    parent, launched_from
) VALUES (
    :id, :account_id, :job_id, :job_version, :job_account_id, :pipeline_id, :status, :origin, :launched_by, :created_at,
    :started_at, :ended_at, :deadline_at, :title, :failure, :input, :output, :variables, :pause, :priority, :traceparent,
    :parent, :launched_from
);

-- name: update_job_executions
UPDATE job_executions SET
    status = :status, started_at = :started_at, ended_at = :ended_at, deadline_at = :deadline_at, failure = :failure,
    output = :output, variables = :variables, pause = :pause
WHERE id = :id AND status = :expected_status;

-- name: job_executions_by_id
SELECT * FROM job_executions WHERE id IN (SELECT value FROM json_each(:ids));

-- name: pending_job_executions
-- The first ones that wait for a slot: `wanted` is [[pipeline_id, how many], …]. Each step takes the next of its pipeline
-- from the index, so what is read is what is wanted, however many wait. Its place is `seq - priority * 1099511627776`.
WITH RECURSIVE oldest (queue_id, wanted, place) AS (
    SELECT w.value ->> 0, w.value ->> 1, (
        SELECT r.seq - r.priority * 1099511627776 FROM job_executions AS r
        WHERE r.pipeline_id = w.value ->> 0 AND r.status = 'PENDING' AND r.pause IS NULL AND r.deadline_at IS NULL
        ORDER BY r.seq - r.priority * 1099511627776 LIMIT 1
    )
    FROM json_each(:wanted) AS w
    UNION ALL
    SELECT oldest.queue_id, oldest.wanted - 1, (
        SELECT r.seq - r.priority * 1099511627776 FROM job_executions AS r
        WHERE r.pipeline_id = oldest.queue_id AND r.status = 'PENDING' AND r.pause IS NULL AND r.deadline_at IS NULL
            AND r.seq - r.priority * 1099511627776 > oldest.place
        ORDER BY r.seq - r.priority * 1099511627776 LIMIT 1
    )
    FROM oldest
    WHERE oldest.wanted > 1 AND oldest.place IS NOT NULL
)
SELECT e.id, oldest.queue_id, length(e.input) AS size
FROM oldest JOIN job_executions AS e ON e.pipeline_id = oldest.queue_id AND e.status = 'PENDING' AND e.pause IS NULL
    AND e.deadline_at IS NULL AND e.seq - e.priority * 1099511627776 = oldest.place
ORDER BY oldest.place;

-- name: due_job_executions
SELECT * FROM job_executions WHERE deadline_at <= :now AND pause IS NULL ORDER BY deadline_at LIMIT :limit;

-- name: put_off_job_execution
UPDATE job_executions SET deadline_at = :until
WHERE id = :id AND deadline_at IS :at AND pause IS NULL AND (status = 'PENDING' OR deadline_at IS NOT NULL);

-- name: next_job_deadline
SELECT min(deadline_at) FROM job_executions WHERE deadline_at IS NOT NULL AND pause IS NULL;

-- name: job_execution
SELECT * FROM job_executions WHERE id = :id AND account_id = :account_id;

-- name: job_executions_of_account
SELECT * FROM job_executions
WHERE account_id = :account_id
    AND seq < iif(:cursor IS NULL, 9223372036854775807,
        (SELECT seq FROM job_executions WHERE id = :cursor AND account_id = :account_id))
ORDER BY seq DESC LIMIT :limit OFFSET :offset;

-- name: job_executions_of_job
SELECT * FROM job_executions
WHERE job_id = :job_id AND account_id = :account_id
    AND seq < iif(:cursor IS NULL, 9223372036854775807,
        (SELECT seq FROM job_executions WHERE id = :cursor AND account_id = :account_id))
ORDER BY seq DESC LIMIT :limit OFFSET :offset;

-- name: waiting_pipelines
SELECT DISTINCT pipeline_id FROM job_executions WHERE status = 'PENDING' AND pause IS NULL AND deadline_at IS NULL;
