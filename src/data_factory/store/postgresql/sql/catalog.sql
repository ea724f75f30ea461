-- name: insert_account
INSERT INTO accounts (id, title, created_at, disabled_at) VALUES (:id, :title, :created_at, :disabled_at);

-- name: first_account
SELECT * FROM accounts ORDER BY created_at, id LIMIT 1;

-- name: hold_accounts
-- Of processes that start together on an empty database, one makes the first account and the others find it.
LOCK TABLE accounts IN SHARE ROW EXCLUSIVE MODE;

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
WHERE account_id = ANY (ARRAY[:account_id::text]) AND revoked_at IS NULL
    AND seq < CASE WHEN :cursor::text IS NULL THEN 9223372036854775807
        ELSE (SELECT seq FROM api_keys WHERE id = :cursor AND account_id = :account_id) END
ORDER BY account_id DESC, seq DESC LIMIT :limit OFFSET :offset;

-- name: insert_pipeline
INSERT INTO pipelines (id, account_id, title, slots, is_default, created_at, updated_at, has_webhooks)
VALUES (:id, :account_id, :title, :slots, :is_default, :created_at, :updated_at, :has_webhooks);

-- name: update_pipelines
UPDATE pipelines AS p SET title = n.title, slots = n.slots, updated_at = n.updated_at, pause = n.pause
FROM unnest(:id::text[], :title::text[], :slots::integer[], :updated_at::bigint[], :pause::text[])
    AS n (id, title, slots, updated_at, pause)
WHERE p.id = n.id;

-- name: pipelines_by_id
SELECT * FROM pipelines WHERE id = ANY (:ids::text[]);

-- name: hold_pipelines
-- These, and those that these executions belong to.
SELECT * FROM pipelines WHERE id = ANY (ARRAY(
    SELECT unnest(:ids::text[])
    UNION ALL
    SELECT e.pipeline_id FROM job_executions AS e WHERE e.id = ANY (:job_execution_ids::text[])
    UNION ALL
    SELECT e.pipeline_id FROM task_executions AS t JOIN job_executions AS e ON e.id = t.job_execution_id
    WHERE t.id = ANY (:task_execution_ids::text[])
)) ORDER BY id FOR NO KEY UPDATE;

-- name: default_pipeline
SELECT * FROM pipelines WHERE account_id = :account_id AND is_default = 1;

-- name: pipelines_of_account
SELECT * FROM pipelines
WHERE account_id = ANY (ARRAY[:account_id::text])
    AND seq < CASE WHEN :cursor::text IS NULL THEN 9223372036854775807
        ELSE (SELECT seq FROM pipelines WHERE id = :cursor AND account_id = :account_id) END
ORDER BY account_id DESC, seq DESC LIMIT :limit OFFSET :offset;

-- name: insert_task
INSERT INTO tasks (id, account_id, key, definition, created_at, updated_at, deleted_at)
VALUES (:id, :account_id, :key, :definition, :created_at, :updated_at, :deleted_at);

-- name: update_task
UPDATE tasks SET key = :key, definition = :definition, updated_at = :updated_at, deleted_at = :deleted_at
WHERE id = :id AND deleted_at IS NULL;

-- name: tasks_by_id
-- Deleted ones too: a running execution may still need them.
SELECT * FROM tasks WHERE id = ANY (:ids::text[]);

-- name: tasks_by_key
SELECT * FROM tasks WHERE account_id = :account_id AND key = ANY (:keys::text[]) AND deleted_at IS NULL;

-- name: hold_tasks_by_key
-- A job that is published names them: nobody deletes them meanwhile (see `hold_task`), whatever else happens to them.
SELECT * FROM tasks WHERE account_id = :account_id AND key = ANY (:keys::text[]) AND deleted_at IS NULL
ORDER BY id FOR KEY SHARE;

-- name: hold_task
-- It may be deleted: nobody publishes a job that names it meanwhile.
SELECT id FROM tasks WHERE id = :task_id FOR UPDATE;

-- name: tasks_named
SELECT t.* FROM unnest(:account_ids::text[], :keys::text[]) AS p (account_id, key)
JOIN tasks AS t ON t.account_id = p.account_id AND t.key = p.key AND t.deleted_at IS NULL;

-- name: tasks_of_account
SELECT * FROM tasks
WHERE account_id = ANY (ARRAY[:account_id::text]) AND deleted_at IS NULL
    AND seq < CASE WHEN :cursor::text IS NULL THEN 9223372036854775807
        ELSE (SELECT seq FROM tasks WHERE id = :cursor AND account_id = :account_id) END
ORDER BY account_id DESC, seq DESC LIMIT :limit OFFSET :offset;

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
        WHEN periodicity = :periodicity AND due_at IS NOT NULL AND :due_at::bigint IS NOT NULL THEN due_at
        ELSE :due_at::bigint END
WHERE id = :id AND version = :version - 1;

-- name: insert_job_version
INSERT INTO job_versions (job_id, version, definition, task_ids, created_at)
VALUES (:job_id, :version, :definition, :task_ids, :created_at);

-- name: delete_job_tasks
DELETE FROM job_tasks WHERE job_id = :job_id;

-- name: insert_job_tasks
INSERT INTO job_tasks (job_id, task_id) SELECT :job_id, unnest(:task_ids::text[]);

-- name: jobs_by_id
SELECT * FROM jobs WHERE id = ANY (:ids::text[]);

-- name: hold_job
SELECT * FROM jobs WHERE id = :id FOR NO KEY UPDATE;

-- name: schedule_job
UPDATE jobs SET periodicity = :periodicity, is_paused = :is_paused, due_at = :due_at, updated_at = :updated_at
WHERE id = :id;

-- name: due_jobs
SELECT * FROM jobs WHERE due_at <= :now ORDER BY due_at LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED;

-- name: put_off_job
UPDATE jobs SET due_at = :until::bigint WHERE id = :id AND due_at = :at::bigint;

-- name: next_due_job
SELECT min(due_at) FROM jobs WHERE due_at IS NOT NULL;

-- name: reschedule_jobs
UPDATE jobs AS j SET due_at = u.due_at
FROM unnest(:ids::text[], :due_ats::bigint[]) AS u (id, due_at)
WHERE j.id = u.id;

-- name: job_by_key
SELECT * FROM jobs WHERE account_id = :account_id AND key = :key;

-- name: jobs_named
SELECT j.* FROM unnest(:account_ids::text[], :keys::text[]) AS p (account_id, key)
JOIN jobs AS j ON j.account_id = p.account_id AND j.key = p.key;

-- name: jobs_using_task
SELECT j.* FROM job_tasks AS u JOIN jobs AS j ON j.id = u.job_id WHERE u.task_id = :task_id ORDER BY j.seq LIMIT 10;

-- name: jobs_of_account
SELECT * FROM jobs
WHERE account_id = ANY (ARRAY[:account_id::text])
    AND seq < CASE WHEN :cursor::text IS NULL THEN 9223372036854775807
        ELSE (SELECT seq FROM jobs WHERE id = :cursor AND account_id = :account_id) END
ORDER BY account_id DESC, seq DESC LIMIT :limit OFFSET :offset;

-- name: job_versions
SELECT v.* FROM unnest(:job_ids::text[], :versions::integer[]) AS p (job_id, version)
JOIN job_versions AS v ON v.job_id = p.job_id AND v.version = p.version;

-- name: job_publications
SELECT job_id, version, created_at FROM job_versions
WHERE job_id = :job_id AND version < :before
ORDER BY version DESC LIMIT :limit OFFSET :offset;

-- name: insert_idempotency_keys
INSERT INTO idempotency_keys (account_id, key, fingerprint, resource_id, created_at)
SELECT * FROM unnest(
    :account_id::text[], :key::text[], :fingerprint::text[], :resource_id::text[], :created_at::bigint[]
);

-- name: forget_idempotency_keys
-- One process at a time is enough, so rows that another is forgetting are left to it.
WITH old AS MATERIALIZED (
    SELECT account_id, key FROM idempotency_keys
    WHERE created_at < :before ORDER BY created_at LIMIT 100 FOR UPDATE SKIP LOCKED
)
DELETE FROM idempotency_keys AS k USING old WHERE k.account_id = old.account_id AND k.key = old.key;

-- name: idempotency_keys
SELECT i.* FROM unnest(:account_ids::text[], :keys::text[]) AS p (account_id, key)
JOIN idempotency_keys AS i ON i.account_id = p.account_id AND i.key = p.key;

-- name: seal
-- The last statement before COMMIT: what the other processes are told if it is kept, and a number by which one can ask
-- afterwards whether it was. (The number of a transaction will not do: after a crash another may be given the same.)
WITH told AS (SELECT count(pg_notify(:channel, line)::text) AS lines FROM unnest(:lines::text[]) AS line)
INSERT INTO commits (writer, number, at) SELECT :writer, :number, now() FROM told
ON CONFLICT (writer) DO UPDATE SET number = excluded.number, at = excluded.at;

-- name: last_commit
-- Waits for the transaction that one asks about, should its connection be gone but not yet its session.
INSERT INTO commits (writer, number, at) VALUES (:writer, 0, now())
ON CONFLICT (writer) DO UPDATE SET at = excluded.at
RETURNING number;

-- name: forget_commits
DELETE FROM commits WHERE at < now() - interval '1 day';

-- name: database_time
-- In microseconds since the epoch.
SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
