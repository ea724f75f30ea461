-- name: insert_webhook
INSERT INTO webhooks (id, account_id, job_execution_id, url, statuses, job_ids, is_active, disabled_reason, secret,
    former_secret, former_until, created_at, updated_at)
VALUES (:id, :account_id, :job_execution_id, :url, :statuses, :job_ids, :is_active, :disabled_reason, :secret,
    :former_secret, :former_until, :created_at, :updated_at);

-- name: update_webhook
UPDATE webhooks SET url = :url, statuses = :statuses, job_ids = :job_ids, is_active = :is_active,
    disabled_reason = :disabled_reason, secret = :secret, former_secret = :former_secret, former_until = :former_until,
    updated_at = :updated_at
WHERE id = :id;

-- name: delete_webhook
DELETE FROM webhooks WHERE id = :id;

-- name: webhook
SELECT * FROM webhooks WHERE id = :id AND account_id = :account_id;

-- name: delivery
SELECT * FROM webhook_deliveries WHERE id = :id AND account_id = :account_id;

-- name: update_delivery
UPDATE webhook_deliveries SET status = :status, tries = :tries, attempts = :attempts, lease = :lease, due_at = :due_at,
    ended_at = :ended_at
WHERE id = :id AND status = :expected_status AND lease IS NOT DISTINCT FROM :expected_lease;

-- name: hold_webhooks_of
-- Who changes what there is of an account beside its rows is alone in that.
SELECT id FROM accounts WHERE id = :id FOR NO KEY UPDATE;

-- name: expect_webhooks
WITH held AS (
    SELECT id FROM pipelines
    WHERE has_webhooks = 0 AND (account_id = :account_id OR id = ANY (:pipeline_ids::text[]))
    ORDER BY id FOR NO KEY UPDATE
)
UPDATE pipelines AS p SET has_webhooks = 1 FROM held WHERE p.id = held.id;

-- name: hold_webhook
SELECT * FROM webhooks WHERE id = :id AND account_id = :account_id FOR NO KEY UPDATE;

-- name: webhooks_of_account
SELECT * FROM webhooks
WHERE account_id = :account_id AND job_execution_id IS NULL
    AND seq < CASE WHEN :cursor::text IS NULL THEN 9223372036854775807
        ELSE (SELECT seq FROM webhooks WHERE id = :cursor AND account_id = :account_id) END
ORDER BY seq DESC LIMIT :limit OFFSET :offset;

-- name: webhooks_concerning
SELECT * FROM webhooks
WHERE account_id = ANY (:account_ids::text[]) AND job_execution_id IS NULL AND is_active = 1
UNION ALL
SELECT * FROM webhooks WHERE job_execution_id = ANY (:job_execution_ids::text[]) AND is_active = 1;

-- name: insert_deliveries
INSERT INTO webhook_deliveries (id, account_id, webhook_id, job_execution_id, host, status, tries, attempts, lease,
    due_at, ended_at, created_at)
SELECT * FROM unnest(:id::text[], :account_id::text[], :webhook_id::text[], :job_execution_id::text[], :host::text[],
    :status::text[], :tries::integer[], :attempts::text[], :lease::text[], :due_at::bigint[], :ended_at::bigint[],
    :created_at::bigint[]);

-- name: deliveries_of_webhook
SELECT * FROM webhook_deliveries
WHERE account_id = :account_id AND webhook_id = :webhook_id
    AND seq < CASE WHEN :cursor::text IS NULL THEN 9223372036854775807
        ELSE (SELECT seq FROM webhook_deliveries WHERE id = :cursor AND account_id = :account_id) END
ORDER BY seq DESC LIMIT :limit OFFSET :offset;

-- name: deliveries_of_job
SELECT * FROM webhook_deliveries
WHERE account_id = :account_id AND job_execution_id = :job_execution_id
    AND seq < CASE WHEN :cursor::text IS NULL THEN 9223372036854775807
        ELSE (SELECT seq FROM webhook_deliveries WHERE id = :cursor AND account_id = :account_id) END
ORDER BY seq DESC LIMIT :limit OFFSET :offset;

-- name: receivers_waiting
-- The hosts that something is to be sent to, and when the first of it is due: a look into the index for each host,
-- however much waits for one of them.
WITH RECURSIVE hosts (host) AS (
    SELECT min(host) FROM webhook_deliveries WHERE due_at IS NOT NULL
    UNION ALL
    SELECT (SELECT min(d.host) FROM webhook_deliveries AS d WHERE d.due_at IS NOT NULL AND d.host > hosts.host)
    FROM hosts WHERE hosts.host IS NOT NULL
)
SELECT host, (SELECT min(d.due_at) FROM webhook_deliveries AS d WHERE d.due_at IS NOT NULL AND d.host = hosts.host) AS due_at
FROM hosts WHERE host IS NOT NULL LIMIT :limit;

-- name: hold_deliveries
-- What another server is just taking is left to it.
WITH due AS MATERIALIZED (
    SELECT r.seq FROM unnest(:hosts::text[], :counts::bigint[]) AS w (host, wanted), LATERAL (
        SELECT r.seq FROM webhook_deliveries AS r
        WHERE r.host = ANY (ARRAY[w.host]) AND r.due_at <= :now
        ORDER BY r.host, r.due_at, r.seq LIMIT w.wanted
        FOR NO KEY UPDATE SKIP LOCKED
    ) AS r
)
UPDATE webhook_deliveries AS d SET lease = :lease, due_at = :until FROM due WHERE d.seq = due.seq
RETURNING d.*;

-- name: old_deliveries
SELECT id FROM webhook_deliveries WHERE ended_at < :before ORDER BY ended_at LIMIT :limit FOR UPDATE SKIP LOCKED;

-- name: delete_webhooks_of_deliveries
DELETE FROM webhooks WHERE job_execution_id IN (
    SELECT job_execution_id FROM webhook_deliveries WHERE id = ANY (:ids::text[])
);

-- name: delete_deliveries
DELETE FROM webhook_deliveries WHERE id = ANY (:ids::text[]);
