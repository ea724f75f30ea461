-- name: insert_events
INSERT INTO events (id, account_id, kind, object_id, job_execution_id, at, key_id, address, origin, detail) VALUES (
    :id, :account_id, :kind, :object_id, :job_execution_id, :at, :key_id, :address, :origin, :detail
);

-- name: events_of_execution
-- By the execution, which has few, and not by the account: `+` keeps SQLite from that.
SELECT * FROM events
WHERE job_execution_id = :job_execution_id AND +account_id = :account_id
    AND seq > iif(:cursor IS NULL, 0, (SELECT seq FROM events WHERE id = :cursor AND account_id = :account_id))
ORDER BY seq LIMIT :limit OFFSET :offset;

-- name: events_of_account
SELECT * FROM events
WHERE account_id = :account_id
    AND seq < iif(:cursor IS NULL, 9223372036854775807,
        (SELECT seq FROM events WHERE id = :cursor AND account_id = :account_id))
ORDER BY seq DESC LIMIT :limit OFFSET :offset;

-- name: forget_events
DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE at < :before ORDER BY at LIMIT :limit);
