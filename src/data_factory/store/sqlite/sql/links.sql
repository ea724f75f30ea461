-- name: insert_links
INSERT INTO job_execution_links (id, account_id, of_id, kind, resume) VALUES (:id, :account_id, :of_id, :kind, :resume);

-- name: links_of
SELECT * FROM job_execution_links WHERE id IN (
    SELECT value FROM json_each(:ids)
    UNION
    SELECT l.id FROM json_each(:ids) AS w JOIN job_execution_links AS l ON l.of_id = w.value
)
ORDER BY id;

-- name: traces_of_job
SELECT
    id, path, attempt, type, task_id, status, ended_at,
    iif(type = 'DO_WHILE' AND status NOT IN ('COMPLETED', 'COMPLETED_WITH_ERRORS'), output, '{}') AS output
FROM task_executions WHERE job_execution_id = :job_execution_id AND +account_id = :account_id
ORDER BY seq;

-- name: take_over
-- Begins with what was first, so that the copies have the same order.
INSERT INTO task_executions (
    id, account_id, job_execution_id, task_id, type, path, attempt, status, worker_id, created_at, updated_at,
    started_at, ended_at, failure, warning, progress, input, output
)
SELECT
    substr(:new_id, 1, 8) || lower(hex(randomblob(8))), t.account_id, :to_id, t.task_id, t.type, t.path, t.attempt,
    iif(o.value IS NULL, t.status, 'IN_PROGRESS'), t.worker_id, t.created_at, t.updated_at,
    t.started_at, iif(o.value IS NULL, t.ended_at, NULL), iif(o.value IS NULL, t.failure, NULL), t.warning, t.progress,
    t.input, t.output
FROM task_executions AS t LEFT JOIN json_each(:reopened) AS o ON o.value = t.id
WHERE t.job_execution_id = :of_id
    AND t.id NOT IN (SELECT value FROM json_each(:left_out))
    AND NOT EXISTS (
        SELECT 1 FROM task_executions AS later
        WHERE later.job_execution_id = t.job_execution_id AND later.path = t.path AND later.attempt > t.attempt
    )
ORDER BY t.seq;

-- name: take_over_files
-- Those that whoever has them was to keep. Who may read the other's is said anew.
INSERT INTO file_readers (file_id, account_id, job_execution_id)
SELECT r.file_id, r.account_id, :to_id FROM file_readers AS r JOIN files AS f ON f.id = r.file_id
WHERE r.job_execution_id = :of_id AND f.account_id = r.account_id AND f.status = 'KEPT'
ON CONFLICT DO NOTHING;
