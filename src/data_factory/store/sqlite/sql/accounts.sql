-- name: account
SELECT * FROM accounts WHERE id = :id;

-- name: accounts
SELECT * FROM accounts
WHERE (created_at, id) < (
        coalesce((SELECT created_at FROM accounts WHERE id = :cursor), CASE WHEN :cursor IS NULL THEN 9223372036854775807 ELSE -1 END),
        coalesce(:cursor, ''))
ORDER BY created_at DESC, id DESC LIMIT :limit OFFSET :offset;

-- name: update_account
UPDATE accounts SET title = :title, disabled_at = :disabled_at WHERE id = :id;

-- name: note_key_uses
UPDATE api_keys SET used_at = max(coalesce(used_at, 0), :used_at) WHERE id = :key_id;

-- name: unschedule_jobs
UPDATE jobs SET due_at = NULL WHERE account_id = :account_id AND due_at IS NOT NULL;
