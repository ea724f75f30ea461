-- name: sealed_otherwise
-- Secrets that another key has encrypted than the one with this name.
SELECT * FROM (
    SELECT 'variable' AS place, account_id, key, value FROM variables
    WHERE is_secret = 1 AND substr(value, 1, 9) <> :key_name || '.'
    UNION ALL
    SELECT 'former', account_id, key, value FROM former_secrets WHERE substr(value, 1, 9) <> :key_name || '.'
    UNION ALL
    SELECT 'webhook', account_id, 'webhook ' || id, secret FROM webhooks WHERE substr(secret, 1, 9) <> :key_name || '.'
    UNION ALL
    SELECT 'former webhook', account_id, 'webhook ' || id, former_secret FROM webhooks
    WHERE substr(former_secret, 1, 9) <> :key_name || '.'
) AS sealed
ORDER BY place, account_id, key, value LIMIT :limit;

-- name: reseal_variable
UPDATE variables SET value = :sealed WHERE account_id = :account_id AND key = :key AND value = :value;

-- name: reseal_former
UPDATE former_secrets SET value = :sealed WHERE account_id = :account_id AND key = :key AND value = :value;

-- name: reseal_webhook
UPDATE webhooks SET secret = :sealed
WHERE id = substr(:key, 9) AND account_id = :account_id AND secret = :value;

-- name: reseal_former_webhook
UPDATE webhooks SET former_secret = :sealed
WHERE id = substr(:key, 9) AND account_id = :account_id AND former_secret = :value;
