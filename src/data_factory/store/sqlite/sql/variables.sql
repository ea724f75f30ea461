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

-- name: variables_by_key
-- `pairs` is [[account_id, key], …].
SELECT v.* FROM json_each(:pairs) AS p
JOIN variables AS v ON v.account_id = p.value ->> 0 AND v.key = p.value ->> 1;

-- name: variables_of_account
SELECT * FROM variables
WHERE account_id = :account_id
    AND seq < iif(:cursor IS NULL, 9223372036854775807,
        (SELECT seq FROM variables WHERE id = :cursor AND account_id = :account_id))
ORDER BY seq DESC LIMIT :limit OFFSET :offset;

-- name: insert_former_secret
INSERT INTO former_secrets (account_id, key, value, ended_at) VALUES (:account_id, :key, :value, :now);

-- name: forget_former_secrets
DELETE FROM former_secrets WHERE seq IN (
    SELECT seq FROM former_secrets WHERE ended_at < :before ORDER BY ended_at LIMIT 100
);

-- name: secrets_by_key
-- As they are, and as they once were: `pairs` is [[account_id, key], …].
SELECT v.account_id, v.key, v.value FROM json_each(:pairs) AS p
JOIN variables AS v ON v.account_id = p.value ->> 0 AND v.key = p.value ->> 1 AND v.is_secret = 1
UNION ALL
SELECT f.account_id, f.key, f.value FROM json_each(:pairs) AS p
JOIN former_secrets AS f ON f.account_id = p.value ->> 0 AND f.key = p.value ->> 1;

-- name: secrets_of_accounts
SELECT v.account_id, v.key, v.value FROM json_each(:account_ids) AS a
JOIN variables AS v ON v.account_id = a.value AND v.is_secret = 1
UNION ALL
SELECT f.account_id, f.key, f.value FROM json_each(:account_ids) AS a
JOIN former_secrets AS f ON f.account_id = a.value;

-- name: any_secret
SELECT account_id, key, value FROM variables WHERE is_secret = 1 LIMIT 1;
