-- name: pending_before
SELECT id FROM job_executions
WHERE pipeline_id = :pipeline_id AND status = 'PENDING' AND pause IS NULL AND deadline_at IS NULL
    AND seq - priority * 1099511627776 < (
        SELECT seq - priority * 1099511627776 FROM job_executions WHERE id = :job_execution_id
    )
ORDER BY seq - priority * 1099511627776 LIMIT :limit;

-- name: in_slots
SELECT id, title, started_at FROM job_executions WHERE pipeline_id = :pipeline_id AND status = 'RUNNING' AND parent IS NULL
LIMIT :limit;

-- name: standing_of_job
-- Control flow comes first: a JOIN says more of a wide fork than any of its branches.
SELECT id, task_id, type, path, attempt, status, worker_id, updated_at, available_at, started_at, lease_expires_at, timeout_at,
    progress, timer_at
FROM task_executions
WHERE job_execution_id = :job_execution_id AND status IN ('SCHEDULED', 'IN_PROGRESS')
ORDER BY task_id <> '', seq LIMIT :limit;

-- name: standing_count_of_job
SELECT count(*) FROM task_executions
WHERE job_execution_id = :job_execution_id AND status IN ('SCHEDULED', 'IN_PROGRESS');

-- name: task_polls
SELECT * FROM task_polls WHERE task_id IN (SELECT value FROM json_each(:task_ids));

-- name: note_polls
INSERT INTO task_polls (task_id, polled_at, worker_id) VALUES (:task_id, :polled_at, :worker_id)
ON CONFLICT (task_id) DO UPDATE SET polled_at = max(polled_at, excluded.polled_at), worker_id = excluded.worker_id;
