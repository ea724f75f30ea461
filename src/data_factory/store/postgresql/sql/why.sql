-- name: pending_before
SELECT id FROM job_executions
WHERE pipeline_id = ANY (ARRAY[:pipeline_id::text]) AND status = 'PENDING'
    AND seq < (SELECT seq FROM job_executions WHERE id = :job_execution_id)
ORDER BY pipeline_id, seq LIMIT :limit;

-- name: in_slots
SELECT id, title, started_at FROM job_executions WHERE pipeline_id = :pipeline_id AND status = 'RUNNING' LIMIT :limit;

-- name: standing_of_job
SELECT id, task_id, type, path, attempt, status, worker_id, updated_at, available_at, started_at, lease_expires_at, timeout_at,
    progress
FROM task_executions
WHERE job_execution_id = :job_execution_id AND status IN ('SCHEDULED', 'IN_PROGRESS') LIMIT :limit;

-- name: task_polls
SELECT * FROM task_polls WHERE task_id = ANY (:task_ids::text[]);

-- name: note_polls
-- In the order of the ids: two servers wait for each other one way only.
INSERT INTO task_polls AS p (task_id, polled_at, worker_id)
SELECT * FROM unnest(:task_id::text[], :polled_at::bigint[], :worker_id::text[])
ON CONFLICT (task_id) DO UPDATE SET
    polled_at = greatest(p.polled_at, excluded.polled_at), worker_id = excluded.worker_id;
