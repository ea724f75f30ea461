-- name: pending_before
SELECT id FROM job_executions
WHERE pipeline_id = :pipeline_id AND status = 'PENDING'
    AND seq < (SELECT seq FROM job_executions WHERE id = :job_execution_id)
ORDER BY seq LIMIT :limit;

-- name: in_slots
SELECT id, title, started_at FROM job_executions WHERE pipeline_id = :pipeline_id AND status = 'RUNNING' LIMIT :limit;

-- name: standing_of_job
SELECT id, task_id, type, path, attempt, status, worker_id, updated_at, available_at, started_at, lease_expires_at, timeout_at,
    progress
FROM task_executions
WHERE job_execution_id = :job_execution_id AND status IN ('SCHEDULED', 'IN_PROGRESS') LIMIT :limit;

-- name: task_polls
SELECT * FROM task_polls WHERE task_id IN (SELECT value FROM json_each(:task_ids));

-- name: note_polls
INSERT INTO task_polls (task_id, polled_at, worker_id) VALUES (:task_id, :polled_at, :worker_id)
ON CONFLICT (task_id) DO UPDATE SET polled_at = max(polled_at, excluded.polled_at), worker_id = excluded.worker_id;
