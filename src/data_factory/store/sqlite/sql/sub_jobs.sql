-- name: wake_parents
UPDATE task_executions SET available_at = :now, timer_at = iif(paused_at IS NULL, :now, NULL)
WHERE id IN (SELECT value FROM json_each(:ids)) AND status = 'IN_PROGRESS' AND task_id = '' AND type = 'SUB_WORKFLOW';

-- name: stop_children
UPDATE job_executions SET deadline_at = :now, pause = NULL
WHERE id IN (SELECT value FROM json_each(:ids)) AND status = 'RUNNING';
