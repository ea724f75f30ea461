-- name: wake_parents
UPDATE task_executions SET available_at = :now::bigint, timer_at = CASE WHEN paused_at IS NULL THEN :now::bigint END
WHERE id = ANY (:ids::text[]) AND status = 'IN_PROGRESS' AND task_id = '' AND type = 'SUB_WORKFLOW';

-- name: stop_children
UPDATE job_executions SET deadline_at = :now::bigint, pause = NULL
WHERE id = ANY (:ids::text[]) AND status = 'RUNNING';
