-- name: insert_events
INSERT INTO events (id, account_id, kind, object_id, job_execution_id, at, key_id, address, origin, detail)
SELECT * FROM unnest(
    :id::text[], :account_id::text[], :kind::text[], :object_id::text[], :job_execution_id::text[], :at::bigint[],
    :key_id::text[], :address::text[], :origin::text[], :detail::text[]
);

-- name: events_of_execution
SELECT * FROM events
WHERE job_execution_id = ANY (ARRAY[:job_execution_id::text]) AND account_id = :account_id
    AND seq > CASE WHEN :cursor::text IS NULL THEN 0
        ELSE (SELECT seq FROM events WHERE id = :cursor AND account_id = :account_id) END
ORDER BY job_execution_id, seq LIMIT :limit OFFSET :offset;

-- name: events_of_account
SELECT * FROM events
WHERE account_id = ANY (ARRAY[:account_id::text])
    AND seq < CASE WHEN :cursor::text IS NULL THEN 9223372036854775807
        ELSE (SELECT seq FROM events WHERE id = :cursor AND account_id = :account_id) END
ORDER BY account_id DESC, seq DESC LIMIT :limit OFFSET :offset;

-- name: forget_events
-- An ARRAY is made once. What stands in an IN may be made again for each row, and then its LIMIT is none.
DELETE FROM events WHERE seq = ANY (ARRAY(
    SELECT seq FROM events WHERE at < :before ORDER BY at LIMIT :limit FOR UPDATE SKIP LOCKED
));
