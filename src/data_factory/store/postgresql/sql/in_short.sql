-- name: job_executions_in_short
SELECT id, account_id, job_id, job_version, job_account_id, pipeline_id, status, title, '{}' AS input, '{}' AS
    output, failure, origin, launched_by, created_at, started_at, ended_at, deadline_at, '{}' AS variables,
    pause, priority, traceparent, parent, launched_from
FROM job_executions WHERE account_id = :account_id AND id = ANY (:ids::text[]);

-- name: task_executions_{in_short|seen}
-- Those of an account's jobs; or of the job executions that it has launched, be the jobs another's.
SELECT id, account_id, job_execution_id, task_id, type, path, attempt, status, '{}' AS input, '{}' AS output,
    failure, warning, progress, worker_id, claim_id, lease, lease_ms, lease_expires_at, created_at,
    updated_at, available_at, poll_timeout_at, started_at, timeout_at, ended_at, timer_at, paused_at,
    traceparent
FROM task_executions AS t WHERE {1:account_id = :account_id|EXISTS (
    SELECT FROM job_executions AS j WHERE j.id = t.job_execution_id AND (j.account_id = :account_id) IS TRUE
)} AND id = ANY (:ids::text[]);

-- name: task_execution_ids_of_job
-- Sorts the numbers of all that the job has.
SELECT id FROM task_executions
WHERE job_execution_id = ANY (ARRAY[:job_execution_id::text]) AND account_id = :account_id
    AND seq > CASE WHEN :cursor::text IS NULL THEN 0
        ELSE (SELECT seq FROM task_executions WHERE id = :cursor AND account_id = :account_id) END
ORDER BY job_execution_id, seq LIMIT :limit;
