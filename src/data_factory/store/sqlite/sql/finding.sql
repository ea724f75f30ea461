-- What may be what a find asks for, among the next so many (`window`) of a list. The last one that was looked at is
-- always there: it is where to go on.

-- name: scan_of_{account|job}{|_ascending}
WITH part AS (
    SELECT seq, id, job_id, job_version, pipeline_id, status, origin, created_at, started_at, ended_at, title, failure
    FROM job_executions
    WHERE {1:|job_id = :job_id AND }account_id = :account_id
        AND seq {2:<|>} iif(:cursor IS NULL, {2:9223372036854775807|0},
            (SELECT seq FROM job_executions WHERE id = :cursor AND account_id = :account_id))
    ORDER BY seq {2:DESC|ASC} LIMIT :window
)
SELECT *, (SELECT count(*) FROM part) AS looked_at FROM part
WHERE (status IN (SELECT value FROM json_each(:statuses)) AND created_at BETWEEN :since AND :until)
    OR seq = (SELECT {2:min|max}(seq) FROM part)
ORDER BY seq {2:DESC|ASC} LIMIT :limit;

-- name: job_executions_among
-- With the + each is looked up by its id, and not among all that its account has.
SELECT * FROM job_executions WHERE id IN (SELECT value FROM json_each(:ids)) AND +account_id = :account_id
ORDER BY iif(:ascending, seq, -seq);
