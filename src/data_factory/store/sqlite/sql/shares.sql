-- name: insert_job_share
INSERT INTO job_shares (job_id, account_id, created_at) VALUES (:job_id, :account_id, :created_at)
ON CONFLICT (job_id, account_id) DO NOTHING;

-- name: delete_job_share
DELETE FROM job_shares WHERE job_id = :job_id AND account_id = :account_id;

-- name: job_shares
SELECT s.job_id, s.account_id, s.created_at, p.id AS pipeline_id
FROM job_shares AS s JOIN pipelines AS p ON p.account_id = s.account_id AND p.is_default = 1
WHERE s.job_id = :job_id ORDER BY s.created_at, s.account_id;

-- name: jobs_shared_with
SELECT j.* FROM job_shares AS s
JOIN jobs AS j ON j.id = s.job_id AND j.status <> 'INACTIVE'
JOIN accounts AS a ON a.id = j.account_id AND a.disabled_at IS NULL
WHERE s.account_id = :account_id
    AND j.seq < iif(:cursor IS NULL, 9223372036854775807, (SELECT seq FROM jobs WHERE id = :cursor))
ORDER BY j.seq DESC LIMIT :limit OFFSET :offset;

-- name: job_guests
-- `pairs` is [[job_id, account_id], …].
SELECT s.job_id, s.account_id, s.created_at, p.id AS pipeline_id
FROM json_each(:pairs) AS w
JOIN job_shares AS s ON s.job_id = w.value ->> 0 AND s.account_id = w.value ->> 1
JOIN pipelines AS p ON p.account_id = s.account_id AND p.is_default = 1
JOIN jobs AS j ON j.id = s.job_id
JOIN accounts AS a ON a.id = j.account_id AND a.disabled_at IS NULL;
