-- name: begin_erasing
-- One row for each that is gone, and who is just writing a log of one has ended before. A key was made at the same moment as what it has made, and is found by that.
WITH gone AS (
    DELETE FROM job_executions WHERE id IN (
        SELECT id FROM job_executions WHERE id = ANY (:ids::text[]) AND ended_at IS NOT NULL
        ORDER BY id FOR UPDATE
    )
    RETURNING id, account_id, created_at
), forgotten AS (
    DELETE FROM idempotency_keys AS k USING gone WHERE k.created_at = gone.created_at AND k.resource_id = gone.id
)
INSERT INTO erasures (id, account_id, deleted_at) SELECT id, account_id, :now::bigint FROM gone;

-- name: aged_job_executions
SELECT seq, id, status, created_at, ended_at FROM job_executions
WHERE account_id = :account_id AND seq > :after ORDER BY seq LIMIT :limit;

-- name: hold_erasure
SELECT id FROM erasures ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED;

-- name: erase_task_executions
DELETE FROM task_executions WHERE seq = ANY (ARRAY(
    SELECT seq FROM task_executions WHERE job_execution_id = :id LIMIT :limit
));

-- name: erase_logs
DELETE FROM logs WHERE seq = ANY (ARRAY(SELECT seq FROM logs WHERE job_execution_id = :id LIMIT :limit));

-- name: erase_log_tally
DELETE FROM log_tallies WHERE job_execution_id = :id;

-- name: erase_webhooks
-- Those of the execution itself. What they were to be told is kept as long as all deliveries are.
DELETE FROM webhooks WHERE job_execution_id = :id;

-- name: erase_file_readers
DELETE FROM file_readers WHERE job_execution_id = :id;

-- name: erase_link
DELETE FROM job_execution_links WHERE id = :id;

-- name: end_erasure
DELETE FROM erasures WHERE id = :id;
