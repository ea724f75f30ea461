-- What may be what a find asks for, among the next so many (`window`) of a list. The last one that was looked at is
-- always there: it is where to go on.

-- name: scan_of_{account|job}{|_ascending}
WITH part AS MATERIALIZED (
    SELECT seq, id, job_id, job_version, pipeline_id, status, origin, created_at, started_at, ended_at, title, failure
    FROM job_executions
    WHERE {1:account_id = ANY (ARRAY[:account_id::text])|job_id = ANY (ARRAY[:job_id::text]) AND account_id = :account_id}
        AND seq {2:<|>} CASE WHEN :cursor::text IS NULL THEN {2:9223372036854775807|0}
            ELSE (SELECT seq FROM job_executions WHERE id = :cursor AND account_id = :account_id) END
    ORDER BY {1:account_id|job_id} {2:DESC|ASC}, seq {2:DESC|ASC} LIMIT :window
)
SELECT *, (SELECT count(*) FROM part) AS looked_at FROM part
WHERE (status = ANY (:statuses::text[]) AND created_at BETWEEN :since AND :until)
    OR seq = (SELECT {2:min|max}(seq) FROM part)
ORDER BY seq {2:DESC|ASC} LIMIT :limit;

-- name: job_executions_among
SELECT * FROM (
    SELECT *, sum(octet_length(input) + octet_length(output)) OVER before AS bytes_before FROM job_executions
    WHERE id = ANY (:ids::text[]) AND account_id = :account_id
    WINDOW before AS (
        ORDER BY CASE WHEN :ascending::boolean THEN seq ELSE -seq END ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )
) AS sized
WHERE coalesce(bytes_before, 0) <= :max_bytes
ORDER BY CASE WHEN :ascending::boolean THEN seq ELSE -seq END;
