-- name: insert_links
INSERT INTO job_execution_links (id, account_id, of_id, kind, resume)
SELECT * FROM unnest(:id::text[], :account_id::text[], :of_id::text[], :kind::text[], :resume::text[]);

-- name: links_of
SELECT * FROM job_execution_links WHERE id = ANY (:ids::text[])
UNION
SELECT * FROM job_execution_links WHERE of_id = ANY (:ids::text[])
ORDER BY id;

-- name: traces_of_job
SELECT
    id, path, attempt, type, task_id, status, ended_at,
    CASE WHEN type = 'DO_WHILE' AND status NOT IN ('COMPLETED', 'COMPLETED_WITH_ERRORS') THEN output ELSE '{}' END AS output
FROM task_executions WHERE job_execution_id = :job_execution_id AND account_id = :account_id
ORDER BY seq;

-- name: take_over
-- Begins with what was first, so that the copies have the same order.
INSERT INTO task_executions (
    id, account_id, job_execution_id, task_id, type, path, attempt, status, worker_id, created_at, updated_at,
    started_at, ended_at, failure, warning, progress, input, output
)
SELECT
    left(:new_id::text, 8) || right(replace(gen_random_uuid()::text, '-', ''), 16), t.account_id, :to_id::text,
    t.task_id, t.type, t.path, t.attempt, CASE WHEN o.id IS NULL THEN t.status ELSE 'IN_PROGRESS' END, t.worker_id,
    t.created_at, t.updated_at, t.started_at, CASE WHEN o.id IS NULL THEN t.ended_at END,
    CASE WHEN o.id IS NULL THEN t.failure END, t.warning, t.progress, t.input, t.output
FROM task_executions AS t LEFT JOIN unnest(:reopened::text[]) AS o (id) ON o.id = t.id
WHERE t.job_execution_id = :of_id
    AND t.id NOT IN (SELECT unnest(:left_out::text[]))
    AND NOT EXISTS (
        SELECT 1 FROM task_executions AS later
        WHERE later.job_execution_id = t.job_execution_id AND later.path = t.path AND later.attempt > t.attempt
    )
ORDER BY t.seq;

-- name: take_over_files
-- Those that whoever has them was to keep. Who may read the other's is said anew.
INSERT INTO file_readers (file_id, account_id, job_execution_id)
SELECT r.file_id, r.account_id, :to_id::text FROM file_readers AS r JOIN files AS f ON f.id = r.file_id
WHERE r.job_execution_id = :of_id AND f.account_id = r.account_id AND f.status = 'KEPT'
ON CONFLICT DO NOTHING;
