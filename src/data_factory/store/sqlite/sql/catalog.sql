-- name: insert_account
INSERT INTO accounts (id, title, created_at, disabled_at) VALUES (:id, :title, :created_at, :disabled_at);

-- name: first_account
SELECT * FROM accounts ORDER BY created_at, id LIMIT 1;

-- name: insert_api_key
INSERT INTO api_keys (id, account_id, title, prefix, hash, created_at, revoked_at, role, expires_at, used_at, rate_limit)
VALUES (:id, :account_id, :title, :prefix, :hash, :created_at, :revoked_at, :role, :expires_at, :used_at, :rate_limit);

-- name: revoke_api_key
UPDATE api_keys SET revoked_at = :now WHERE id = :id AND account_id = :account_id AND revoked_at IS NULL;

-- name: api_key_by_hash
SELECT * FROM api_keys WHERE hash = :hash AND revoked_at IS NULL;

-- name: api_key
SELECT * FROM api_keys WHERE id = :id AND account_id = :account_id AND revoked_at IS NULL;

-- name: api_keys_by_title
SELECT * FROM api_keys WHERE account_id = :account_id AND title = :title AND revoked_at IS NULL;

-- name: api_keys_of_account
SELECT * FROM api_keys
WHERE account_id = :account_id AND revoked_at IS NULL
    AND seq < iif(:cursor IS NULL, 9223372036854775807,
        (SELECT seq FROM api_keys WHERE id = :cursor AND account_id = :account_id))
ORDER BY seq DESC LIMIT :limit OFFSET :offset;

-- name: insert_pipeline
INSERT INTO pipelines (id, account_id, title, slots, is_default, created_at, updated_at, has_webhooks)
VALUES (:id, :account_id, :title, :slots, :is_default, :created_at, :updated_at, :has_webhooks);

-- name: update_pipelines
UPDATE pipelines SET title = :title, slots = :slots, updated_at = :updated_at, pause = :pause WHERE id = :id;

-- name: count_job_executions
UPDATE pipelines SET running = running + :running, pending = pending + :pending WHERE id = :pipeline_id;

-- name: pipelines_by_id
SELECT * FROM pipelines WHERE id IN (SELECT value FROM json_each(:ids));

-- name: pipelines_of
-- These, and those that these executions belong to.
SELECT * FROM pipelines WHERE id IN (
    SELECT value FROM json_each(:ids)
    UNION ALL
    SELECT e.pipeline_id FROM json_each(:job_execution_ids) AS j JOIN job_executions AS e ON e.id = j.value
    UNION ALL
    SELECT e.pipeline_id FROM json_each(:task_execution_ids) AS i
    JOIN task_executions AS t ON t.id = i.value JOIN job_executions AS e ON e.id = t.job_execution_id
);

-- name: default_pipeline
SELECT * FROM pipelines WHERE account_id = :account_id AND is_default = 1;

-- name: pipelines_of_account
SELECT * FROM pipelines
WHERE account_id = :account_id
    AND seq < iif(:cursor IS NULL, 9223372036854775807,
        (SELECT seq FROM pipelines WHERE id = :cursor AND account_id = :account_id))
ORDER BY seq DESC LIMIT :limit OFFSET :offset;

-- name: insert_task
INSERT INTO tasks (id, account_id, key, definition, created_at, updated_at, deleted_at)
VALUES (:id, :account_id, :key, :definition, :created_at, :updated_at, :deleted_at);

-- name: update_task
UPDATE tasks SET key = :key, definition = :definition, updated_at = :updated_at, deleted_at = :deleted_at
WHERE id = :id AND deleted_at IS NULL;

-- name: tasks_by_id
-- Deleted ones too: a running execution may still need them.
SELECT * FROM tasks WHERE id IN (SELECT value FROM json_each(:ids));

-- name: tasks_by_key
SELECT * FROM tasks
WHERE account_id = :account_id AND key IN (SELECT value FROM json_each(:keys)) AND deleted_at IS NULL;

-- name: tasks_named
-- `pairs` is [[account_id, key], …].
SELECT t.* FROM json_each(:pairs) AS p
JOIN tasks AS t ON t.account_id = p.value ->> 0 AND t.key = p.value ->> 1 AND t.deleted_at IS NULL;

-- name: tasks_of_account
SELECT * FROM tasks
WHERE account_id = :account_id AND deleted_at IS NULL
    AND seq < iif(:cursor IS NULL, 9223372036854775807,
        (SELECT seq FROM tasks WHERE id = :cursor AND account_id = :account_id))
ORDER BY seq DESC LIMIT :limit OFFSET :offset;

-- name: insert_job
INSERT INTO jobs (
    id, account_id, key, title, status, pipeline_id, version, created_at, updated_at, periodicity, is_paused, due_at,
    project_id
) VALUES (
    :id, :account_id, :key, :title, :status, :pipeline_id, :version, :created_at, :updated_at, :periodicity, :is_paused,
    :due_at, :project_id
);

-- name: update_job
-- What is due and not launched yet stays due under the same rules. Whether they are paused is not for who publishes.
UPDATE jobs SET key = :key, title = :title, status = :status, pipeline_id = :pipeline_id, version = :version,
    updated_at = :updated_at, periodicity = :periodicity, project_id = :project_id,
    due_at = CASE WHEN is_paused = 1 THEN NULL
        WHEN periodicity = :periodicity AND due_at IS NOT NULL AND :due_at IS NOT NULL THEN due_at
        ELSE :due_at END
WHERE id = :id AND version = :version - 1;

-- name: insert_job_version
INSERT INTO job_versions (job_id, version, definition, task_ids, created_at)
VALUES (:job_id, :version, :definition, :task_ids, :created_at);

-- name: delete_job_tasks
DELETE FROM job_tasks WHERE job_id = :job_id;

-- name: insert_job_tasks
INSERT INTO job_tasks (job_id, task_id) SELECT :job_id, value FROM json_each(:task_ids);

-- name: jobs_by_id
SELECT * FROM jobs WHERE id IN (SELECT value FROM json_each(:ids));

-- name: hold_job
SELECT * FROM jobs WHERE id = :id;

-- name: schedule_job
UPDATE jobs SET periodicity = :periodicity, is_paused = :is_paused, due_at = :due_at, updated_at = :updated_at
WHERE id = :id;

-- name: due_jobs
SELECT * FROM jobs WHERE due_at <= :now ORDER BY due_at LIMIT :limit;

-- name: put_off_job
UPDATE jobs SET due_at = :until WHERE id = :id AND due_at = :at;

-- name: next_due_job
SELECT min(due_at) FROM jobs WHERE due_at IS NOT NULL;

-- name: reschedule_jobs
UPDATE jobs SET due_at = :due_at WHERE id = :id;

-- name: job_by_key
SELECT * FROM jobs WHERE account_id = :account_id AND key = :key;

-- name: jobs_named
-- `pairs` is [[account_id, key], …].
SELECT j.* FROM json_each(:pairs) AS p
JOIN jobs AS j ON j.account_id = p.value ->> 0 AND j.key = p.value ->> 1;

-- name: jobs_using_task
SELECT j.* FROM job_tasks AS u JOIN jobs AS j ON j.id = u.job_id WHERE u.task_id = :task_id ORDER BY j.seq LIMIT 10;

-- name: jobs_of_account
SELECT * FROM jobs
WHERE account_id = :account_id
    AND seq < iif(:cursor IS NULL, 9223372036854775807,
        (SELECT seq FROM jobs WHERE id = :cursor AND account_id = :account_id))
ORDER BY seq DESC LIMIT :limit OFFSET :offset;

-- name: job_versions
-- `pairs` is [[job_id, version], …].
SELECT v.* FROM json_each(:pairs) AS p
JOIN job_versions AS v ON v.job_id = p.value ->> 0 AND v.version = p.value ->> 1;

-- name: job_publications
SELECT job_id, version, created_at FROM job_versions
WHERE job_id = :job_id AND version < :before
ORDER BY version DESC LIMIT :limit OFFSET :offset;

-- name: insert_idempotency_keys
INSERT INTO idempotency_keys (account_id, key, fingerprint, resource_id, created_at)
VALUES (:account_id, :key, :fingerprint, :resource_id, :created_at);

-- name: forget_idempotency_keys
DELETE FROM idempotency_keys WHERE (account_id, key) IN (
    SELECT account_id, key FROM idempotency_keys WHERE created_at < :before ORDER BY created_at LIMIT 100
);

-- name: idempotency_keys
-- `pairs` is [[account_id, key], …].
SELECT i.* FROM json_each(:pairs) AS p
JOIN idempotency_keys AS i ON i.account_id = p.value ->> 0 AND i.key = p.value ->> 1;

-- name: write_probe
-- Written and erased again, to find out whether anything can be kept: SQLite does not write what is there already.
INSERT INTO idempotency_keys (account_id, key, fingerprint, resource_id, created_at) VALUES ('', '', '', '', 0);

-- name: erase_probe
DELETE FROM idempotency_keys WHERE account_id = '' AND key = '';
