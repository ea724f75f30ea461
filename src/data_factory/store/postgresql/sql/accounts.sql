-- name: account
SELECT * FROM accounts WHERE id = :id;

-- name: hold_account
SELECT * FROM accounts WHERE id = :id FOR UPDATE;

-- name: accounts
SELECT * FROM accounts
WHERE (created_at, id) < (
        coalesce((SELECT created_at FROM accounts WHERE id = :cursor::text),
            CASE WHEN :cursor::text IS NULL THEN 9223372036854775807 ELSE -1 END),
        coalesce(:cursor::text, ''))
ORDER BY created_at DESC, id DESC LIMIT :limit OFFSET :offset;

-- name: update_account
UPDATE accounts SET title = :title, disabled_at = :disabled_at WHERE id = :id;

-- name: note_key_uses
-- In the order of the ids: two servers wait for each other one way only.
UPDATE api_keys AS k SET used_at = greatest(k.used_at, u.used_at)
FROM (
    SELECT a.id, p.used_at FROM unnest(:key_id::text[], :used_at::bigint[]) AS p (key_id, used_at)
    JOIN api_keys AS a ON a.id = p.key_id ORDER BY a.id FOR UPDATE OF a
) AS u
WHERE k.id = u.id;

-- name: unschedule_jobs
UPDATE jobs SET due_at = NULL WHERE account_id = :account_id AND due_at IS NOT NULL;
