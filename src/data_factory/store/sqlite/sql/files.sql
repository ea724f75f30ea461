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

-- name: count_files
-- What is inserted must not be negative, even where there is something to be added to instead.
INSERT INTO file_tallies (account_id, files, bytes) VALUES (:account_id, max(0, :files), max(0, :bytes))
ON CONFLICT (account_id) DO UPDATE SET files = files + :files, bytes = bytes + :bytes;

-- name: file_tally
SELECT * FROM file_tallies WHERE account_id = :account_id;

-- name: files_by_id
-- With the + each is looked up by its id, and not among all that its account has.
SELECT f.* FROM json_each(:ids) AS w JOIN files AS f ON f.id = w.value
WHERE +f.account_id = :account_id AND f.status = 'KEPT';

-- name: readable_file
-- One's own, or one that a job execution lets one read: it may have been deleted, and some of it is still to be erased.
SELECT f.* FROM files AS f
WHERE f.id = :id AND f.status = 'KEPT' AND (f.account_id = :account_id OR EXISTS (
    SELECT 1 FROM file_readers AS r JOIN job_executions AS e ON e.id = r.job_execution_id
    WHERE r.file_id = f.id AND r.account_id = :account_id
));

-- name: files_of_account
SELECT * FROM files
WHERE account_id = :account_id AND status = 'KEPT'
    AND seq < iif(:cursor IS NULL, 9223372036854775807,
        (SELECT seq FROM files WHERE id = :cursor AND account_id = :account_id))
ORDER BY seq DESC LIMIT :limit OFFSET :offset;

-- name: delete_job_files
DELETE FROM job_files WHERE job_id = :job_id;

-- name: insert_job_files
INSERT INTO job_files (job_id, file_id)
SELECT :job_id, f.id FROM json_each(:ids) AS w JOIN files AS f ON f.id = w.value
WHERE +f.account_id = :account_id AND f.status = 'KEPT';

-- name: make_files_permanent
UPDATE files SET due_at = NULL, updated_at = :now
WHERE id IN (SELECT value FROM json_each(:ids)) AND +account_id = :account_id AND status = 'KEPT'
    AND due_at IS NOT NULL;

-- name: let_read
INSERT INTO file_readers (file_id, account_id, job_execution_id)
SELECT id, :account_id, :job_execution_id FROM files
WHERE id = :file_id AND +account_id = :owner_id AND status = 'KEPT'
ON CONFLICT DO NOTHING;

-- name: jobs_using_file
SELECT j.* FROM job_files AS u JOIN jobs AS j ON j.id = u.job_id WHERE u.file_id = :file_id ORDER BY j.seq LIMIT 10;

-- name: abandon_files
UPDATE files SET due_at = :due_at WHERE status = 'ARRIVING';

-- name: renew_files
UPDATE files SET due_at = :due_at WHERE id IN (SELECT value FROM json_each(:ids)) AND status = 'ARRIVING';

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
ORDER BY f.due_at LIMIT :limit;

-- name: leave_files
UPDATE files SET status = 'LEAVING', due_at = :now WHERE id IN (SELECT value FROM json_each(:ids));

-- name: delete_files
DELETE FROM files WHERE id IN (SELECT value FROM json_each(:ids)) AND status = 'LEAVING';
