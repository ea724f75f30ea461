-- name: insert_file
INSERT INTO files (
    id, account_id, status, filename, content_type, size, sha256, created_at, updated_at, due_at
) VALUES (
    :id, :account_id, :status, :filename, :content_type, :size, :sha256, :created_at, :updated_at, :due_at
);

-- name: keep_file
UPDATE files SET status = 'KEPT', filename = :filename, content_type = :content_type, size = :size, sha256 = :sha256,
    created_at = :created_at, updated_at = :updated_at, due_at = :due_at
WHERE id = :id AND status = 'ARRIVING';

-- name: begin_file_tallies
-- For itself: a tally that is added to may be made smaller, and what is inserted must not be. In the order of the
-- accounts: two transactions that count for the same ones wait for each other one way only.
INSERT INTO file_tallies (account_id, files, bytes) SELECT id, 0, 0 FROM unnest(:account_id::text[]) AS a (id) ORDER BY id
ON CONFLICT DO NOTHING;

-- name: hold_file_tallies
SELECT account_id FROM file_tallies WHERE account_id = ANY (:account_id::text[]) ORDER BY account_id
FOR NO KEY UPDATE;

-- name: count_files
UPDATE file_tallies AS t SET files = t.files + n.files, bytes = t.bytes + n.bytes
FROM unnest(:account_id::text[], :files::bigint[], :bytes::bigint[]) AS n (account_id, files, bytes)
WHERE t.account_id = n.account_id;

-- name: file_tally
SELECT * FROM file_tallies WHERE account_id = :account_id;

-- name: files_by_id
SELECT * FROM files AS f
WHERE f.id = ANY (:ids::text[]) AND f.account_id = :account_id AND f.status = 'KEPT';

-- name: hold_files_by_id
SELECT * FROM files AS f
WHERE f.id = ANY (:ids::text[]) AND f.account_id = :account_id AND f.status = 'KEPT'
ORDER BY f.id FOR UPDATE;

-- name: readable_file
-- One's own, or one that a job execution lets one read: it may have been deleted, and some of it is still to be erased.
SELECT f.* FROM files AS f
WHERE f.id = :id AND f.status = 'KEPT' AND (f.account_id = :account_id OR EXISTS (
    SELECT 1 FROM file_readers AS r JOIN job_executions AS e ON e.id = r.job_execution_id
    WHERE r.file_id = f.id AND r.account_id = :account_id
));

-- name: files_of_account
SELECT * FROM files
WHERE account_id = ANY (ARRAY[:account_id::text]) AND status = 'KEPT'
    AND seq < CASE WHEN :cursor::text IS NULL THEN 9223372036854775807
        ELSE (SELECT seq FROM files WHERE id = :cursor AND account_id = :account_id) END
ORDER BY account_id DESC, seq DESC LIMIT :limit OFFSET :offset;

-- name: delete_job_files
DELETE FROM job_files WHERE job_id = :job_id;

-- name: insert_job_files
INSERT INTO job_files (job_id, file_id)
SELECT :job_id, f.id FROM files AS f
WHERE f.id = ANY (:ids::text[]) AND f.account_id = :account_id AND f.status = 'KEPT';

-- name: make_files_permanent
UPDATE files SET due_at = NULL, updated_at = :now
WHERE id = ANY (:ids::text[]) AND account_id = :account_id AND status = 'KEPT'
    AND due_at IS NOT NULL;

-- name: let_read
INSERT INTO file_readers (file_id, account_id, job_execution_id)
SELECT f.id, n.account_id, n.job_execution_id
FROM unnest(:file_id::text[], :account_id::text[], :job_execution_id::text[], :owner_id::text[])
    AS n (file_id, account_id, job_execution_id, owner_id)
JOIN files AS f ON f.id = n.file_id AND f.account_id = n.owner_id AND f.status = 'KEPT'
ON CONFLICT DO NOTHING;

-- name: jobs_using_file
SELECT j.* FROM job_files AS u JOIN jobs AS j ON j.id = u.job_id WHERE u.file_id = :file_id ORDER BY j.seq LIMIT 10;

-- name: abandon_files
UPDATE files SET due_at = :due_at WHERE status = 'ARRIVING';

-- name: renew_files
UPDATE files SET due_at = :due_at WHERE id = ANY (:ids::text[]) AND status = 'ARRIVING';

-- name: next_due_file
SELECT f.due_at FROM files AS f
WHERE f.due_at IS NOT NULL AND (f.status <> 'KEPT' OR NOT EXISTS (
    SELECT 1 FROM file_readers AS r JOIN job_executions AS e ON e.id = r.job_execution_id
    WHERE r.file_id = f.id AND e.ended_at IS NULL
))
ORDER BY f.due_at LIMIT 1;

-- name: due_files
-- Not what a job execution still has to read.
SELECT f.* FROM files AS f
WHERE f.due_at <= :now AND (f.status <> 'KEPT' OR NOT EXISTS (
    SELECT 1 FROM file_readers AS r JOIN job_executions AS e ON e.id = r.job_execution_id
    WHERE r.file_id = f.id AND e.ended_at IS NULL
))
ORDER BY f.due_at LIMIT :limit FOR UPDATE OF f SKIP LOCKED;

-- name: leave_files
UPDATE files SET status = 'LEAVING', due_at = :now WHERE id = ANY (:ids::text[]);

-- name: delete_files
DELETE FROM files WHERE id = ANY (:ids::text[]) AND status = 'LEAVING';
