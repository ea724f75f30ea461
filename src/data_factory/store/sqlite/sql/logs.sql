-- name: insert_logs
INSERT INTO logs (
    id, account_id, job_execution_id, task_execution_id, emitter_name, severity, message_type, message, logged_at,
    created_at
) VALUES (
    :id, :account_id, :job_execution_id, :task_execution_id, :emitter_name, :severity, :message_type, :message,
    :logged_at, :created_at
);

-- name: count_logs
INSERT INTO log_tallies (job_execution_id, logs, bytes) VALUES (:job_execution_id, :logs, :bytes)
ON CONFLICT (job_execution_id) DO UPDATE SET logs = logs + excluded.logs, bytes = bytes + excluded.bytes;

-- name: log_tallies
SELECT e.id AS job_execution_id, e.account_id, e.job_id, e.job_version, e.job_account_id, coalesce(t.logs, 0) AS logs,
    coalesce(t.bytes, 0) AS bytes
FROM json_each(:job_execution_ids) AS w JOIN job_executions AS e ON e.id = w.value
LEFT JOIN log_tallies AS t ON t.job_execution_id = e.id;

-- name: logs_of_job
SELECT * FROM logs
WHERE job_execution_id = :job_execution_id AND account_id = :account_id
    AND severity IN (SELECT value FROM json_each(:severities))
    AND seq > iif(:cursor IS NULL, 0, (SELECT seq FROM logs WHERE id = :cursor AND account_id = :account_id))
ORDER BY seq LIMIT :limit OFFSET :offset;
