-- name: insert_variable
INSERT INTO variables (id, account_id, key, title, status, is_secret, value, created_at, updated_at)
VALUES (:id, :account_id, :key, :title, :status, :is_secret, :value, :created_at, :updated_at);

-- name: update_variable
UPDATE variables SET key = :key, title = :title, status = :status, is_secret = :is_secret, value = :value,
    updated_at = :updated_at
WHERE id = :id;

-- name: delete_variable
DELETE FROM variables WHERE id = :id;

-- name: variable
SELECT * FROM variables WHERE id = :id AND account_id = :account_id;

-- name: hold_variable
SELECT * FROM variables WHERE id = :id AND account_id = :account_id FOR UPDATE;

-- name: variables_by_key
SELECT v.* FROM unnest(:account_ids::text[], :keys::text[]) AS p (account_id, key)
JOIN variables AS v ON v.account_id = p.account_id AND v.key = p.key;

-- name: variables_of_account
SELECT * FROM variables
WHERE account_id = :account_id
    AND seq < CASE WHEN :cursor::text IS NULL THEN 9223372036854775807
        ELSE (SELECT seq FROM variables WHERE id = :cursor AND account_id = :account_id) END
ORDER BY seq DESC LIMIT :limit OFFSET :offset;

-- name: insert_former_secret
INSERT INTO former_secrets (account_id, key, value, ended_at) VALUES (:account_id, :key, :value, :now);

-- name: forget_former_secrets
DELETE FROM former_secrets WHERE seq = ANY (ARRAY(
    SELECT seq FROM former_secrets WHERE ended_at < :before ORDER BY ended_at LIMIT 100
));

-- name: secrets_by_key
-- As they are, and as they once were.
SELECT v.account_id, v.key, v.value FROM unnest(:account_ids::text[], :keys::text[]) AS p (account_id, key)
JOIN variables AS v ON v.account_id = p.account_id AND v.key = p.key AND v.is_secret = 1
UNION ALL
SELECT f.account_id, f.key, f.value FROM unnest(:account_ids::text[], :keys::text[]) AS p (account_id, key)
JOIN former_secrets AS f ON f.account_id = p.account_id AND f.key = p.key;

-- name: secrets_of_accounts
SELECT account_id, key, value FROM variables WHERE account_id = ANY (:account_ids::text[]) AND is_secret = 1
UNION ALL
SELECT account_id, key, value FROM former_secrets WHERE account_id = ANY (:account_ids::text[]);

-- name: any_secret
SELECT account_id, key, value FROM variables WHERE is_secret = 1 LIMIT 1;
