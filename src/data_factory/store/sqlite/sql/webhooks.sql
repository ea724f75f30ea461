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
WHERE id = :id AND status = :expected_status AND lease IS :expected_lease;

-- name: expect_webhooks
UPDATE pipelines SET has_webhooks = 1
WHERE has_webhooks = 0 AND (account_id = :account_id OR id IN (SELECT value FROM json_each(:pipeline_ids)));

-- name: webhooks_of_account
SELECT * FROM webhooks
WHERE account_id = :account_id AND job_execution_id IS NULL
    AND seq < iif(:cursor IS NULL, 9223372036854775807,
        (SELECT seq FROM webhooks WHERE id = :cursor AND account_id = :account_id))
ORDER BY seq DESC LIMIT :limit OFFSET :offset;

-- name: webhooks_concerning
SELECT w.* FROM json_each(:account_ids) AS a
JOIN webhooks AS w ON w.account_id = a.value AND w.job_execution_id IS NULL AND w.is_active = 1
UNION ALL
SELECT w.* FROM json_each(:job_execution_ids) AS e JOIN webhooks AS w ON w.job_execution_id = e.value AND w.is_active = 1;

-- name: insert_deliveries
INSERT INTO webhook_deliveries (id, account_id, webhook_id, job_execution_id, host, status, tries, attempts, lease,
    due_at, ended_at, created_at)
VALUES (:id, :account_id, :webhook_id, :job_execution_id, :host, :status, :tries, :attempts, :lease,
    :due_at, :ended_at, :created_at);

-- name: deliveries_of_webhook
SELECT * FROM webhook_deliveries
WHERE account_id = :account_id AND webhook_id = :webhook_id
    AND seq < iif(:cursor IS NULL, 9223372036854775807,
        (SELECT seq FROM webhook_deliveries WHERE id = :cursor AND account_id = :account_id))
ORDER BY seq DESC LIMIT :limit OFFSET :offset;

-- name: deliveries_of_job
SELECT * FROM webhook_deliveries
WHERE account_id = :account_id AND job_execution_id = :job_execution_id
    AND seq < iif(:cursor IS NULL, 9223372036854775807,
        (SELECT seq FROM webhook_deliveries WHERE id = :cursor AND account_id = :account_id))
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
UPDATE webhook_deliveries SET lease = :lease, due_at = :until
WHERE seq IN (
    SELECT seq FROM webhook_deliveries WHERE host = :host AND due_at IS NOT NULL AND due_at <= :now
    ORDER BY due_at, seq LIMIT :count
)
RETURNING *;

-- name: old_deliveries
SELECT id FROM webhook_deliveries WHERE ended_at < :before ORDER BY ended_at LIMIT :limit;

-- name: delete_webhooks_of_deliveries
DELETE FROM webhooks WHERE job_execution_id IN (
    SELECT d.job_execution_id FROM json_each(:ids) AS i JOIN webhook_deliveries AS d ON d.id = i.value
);

-- name: delete_deliveries
DELETE FROM webhook_deliveries WHERE id IN (SELECT value FROM json_each(:ids));
