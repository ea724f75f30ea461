-- name: insert_logs
INSERT INTO logs (
    id, account_id, job_execution_id, task_execution_id, emitter_name, severity, message_type, message, logged_at,
    created_at
) SELECT * FROM unnest(
    :id::text[], :account_id::text[], :job_execution_id::text[], :task_execution_id::text[], :emitter_name::text[],
    :severity::text[], :message_type::text[], :message::text[], :logged_at::bigint[], :created_at::bigint[]
);

-- name: count_logs
-- In the order of the ids: two transactions that log of the same executions wait for each other one way only.
INSERT INTO log_tallies AS t (job_execution_id, logs, bytes)
SELECT * FROM unnest(:job_execution_id::text[], :logs::bigint[], :bytes::bigint[])
ON CONFLICT (job_execution_id) DO UPDATE SET logs = t.logs + excluded.logs, bytes = t.bytes + excluded.bytes;

-- name: log_tallies
-- They stay until the logs are written: what is logged of one that is gone would be there for ever.
SELECT e.id AS job_execution_id, e.account_id, e.job_id, e.job_version, e.job_account_id, coalesce(t.logs, 0) AS logs,
    coalesce(t.bytes, 0) AS bytes
FROM job_executions AS e LEFT JOIN log_tallies AS t ON t.job_execution_id = e.id
WHERE e.id = ANY (:job_execution_ids::text[])
ORDER BY e.id FOR KEY SHARE OF e;

-- name: logs_of_job
SELECT * FROM logs
WHERE job_execution_id = ANY (ARRAY[:job_execution_id::text]) AND account_id = :account_id AND severity = ANY (:severities::text[])
    AND seq > CASE WHEN :cursor::text IS NULL THEN 0
        ELSE (SELECT seq FROM logs WHERE id = :cursor AND account_id = :account_id) END
ORDER BY job_execution_id, seq LIMIT :limit OFFSET :offset;
