-- name: note_erasures
INSERT INTO erasures (id, account_id, deleted_at)
SELECT id, account_id, :now FROM job_executions
WHERE id IN (SELECT value FROM json_each(:ids)) AND ended_at IS NOT NULL;

-- name: forget_keys_of_erased
-- A key was made at the same moment as what it has made, and is found by that.
DELETE FROM idempotency_keys WHERE (account_id, key) IN (
    SELECT k.account_id, k.key FROM json_each(:ids) AS w JOIN job_executions AS e ON e.id = w.value
    JOIN idempotency_keys AS k ON k.created_at = e.created_at AND k.resource_id = e.id
    WHERE e.ended_at IS NOT NULL
);

-- name: erase_job_executions
DELETE FROM job_executions WHERE id IN (SELECT value FROM json_each(:ids)) AND ended_at IS NOT NULL;

-- name: aged_job_executions
SELECT seq, id, status, created_at, ended_at FROM job_executions
WHERE account_id = :account_id AND seq > :after ORDER BY seq LIMIT :limit;

-- name: hold_erasure
SELECT id FROM erasures ORDER BY id LIMIT 1;

-- name: erase_task_executions
DELETE FROM task_executions WHERE seq IN (
    SELECT seq FROM task_executions WHERE job_execution_id = :id LIMIT :limit
);

-- name: erase_logs
DELETE FROM logs WHERE seq IN (SELECT seq FROM logs WHERE job_execution_id = :id LIMIT :limit);

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
