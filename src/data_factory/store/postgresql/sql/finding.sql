-- What may be what a find asks for, among the next so many (`window`) of a list. The last one that was looked at is
-- always there: it is where to go on. `IS TRUE` keeps it from reading all of an account to find one by its id.

-- name: scan_of_{account|job}{|_ascending}
WITH part AS MATERIALIZED (
    SELECT seq, id, job_id, job_version, pipeline_id, status, origin, created_at, started_at, ended_at, title, failure
    FROM job_executions
    WHERE {1:account_id = ANY (ARRAY[:account_id::text])|job_id = ANY (ARRAY[:job_id::text]) AND account_id = :account_id}
        AND seq {2:<|>} coalesce(:beyond::bigint, CASE WHEN :cursor::text IS NULL THEN {2:9223372036854775807|0}
            ELSE (SELECT seq FROM job_executions WHERE id = :cursor AND account_id = :account_id) END)
    ORDER BY {1:account_id|job_id} {2:DESC|ASC}, seq {2:DESC|ASC} LIMIT :window
)
SELECT *, (SELECT count(*) FROM part) AS looked_at FROM part
WHERE (status = ANY (:statuses::text[]) AND created_at BETWEEN :since AND :until)
    OR seq = (SELECT {2:min|max}(seq) FROM part)
ORDER BY seq {2:DESC|ASC} LIMIT :limit;

-- name: job_executions_among
SELECT * FROM (
    SELECT *, sum(octet_length(input) + octet_length(output)) OVER before AS bytes_before FROM job_executions
    WHERE id = ANY (:ids::text[]) AND (account_id = :account_id) IS TRUE
    WINDOW before AS (
        ORDER BY CASE WHEN :ascending::boolean THEN seq ELSE -seq END ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )
) AS sized
WHERE coalesce(bytes_before, 0) <= :max_bytes
ORDER BY CASE WHEN :ascending::boolean THEN seq ELSE -seq END;

-- name: scan_of_{task_executions|logs}_of_{account|job_execution}{|_ascending}
-- Job execution by job execution, each with what is of it: it is not kept in one order for a whole account. One without
-- any is a row too, since it was looked at, and `cursor` is where to go on after each: after one of these, or after a
-- whole job execution.
WITH place AS MATERIALIZED (
    SELECT j.seq AS run, t.seq AS item FROM {1:task_executions|logs} AS t JOIN job_executions AS j ON j.id = t.job_execution_id
    WHERE t.id = :cursor AND (j.account_id = :account_id) IS TRUE
    UNION ALL
    SELECT seq {3:-|+} 1, {3:9223372036854775807|0} FROM job_executions
    WHERE id = :cursor AND (account_id = :account_id) IS TRUE
    UNION ALL
    SELECT {3:9223372036854775807|0}, {3:9223372036854775807|0} WHERE :cursor::text IS NULL
), part AS MATERIALIZED (
    SELECT j.seq AS run, coalesce(t.seq, 0) AS item, j.id AS run_id
    FROM job_executions AS j LEFT JOIN LATERAL (
        SELECT seq FROM {1:task_executions|logs}
        WHERE job_execution_id = ANY (ARRAY[j.id])
            AND (j.seq <> (SELECT run FROM place) OR seq {3:<|>} (SELECT item FROM place))
        ORDER BY job_execution_id {3:DESC|ASC}, seq {3:DESC|ASC} LIMIT :window
    ) AS t ON true
    WHERE {2:j.account_id = ANY (ARRAY[:account_id::text])|j.id = :job_execution_id AND (j.account_id = :account_id) IS TRUE}
        AND j.seq {3:<=|>=} (SELECT run FROM place)
    ORDER BY j.account_id {3:DESC|ASC}, j.seq {3:DESC|ASC}, t.seq {3:DESC|ASC} LIMIT :window
)
SELECT t.id, coalesce(t.id, part.run_id) AS cursor, (SELECT count(*) FROM part) AS looked_at
FROM part LEFT JOIN {1:task_executions|logs} AS t ON t.seq = part.item
WHERE (t.{1:status|severity} = ANY (:statuses::text[]) AND t.created_at BETWEEN :since AND :until)
    OR (part.run, part.item) = (SELECT run, item FROM part ORDER BY run {3:ASC|DESC}, item {3:ASC|DESC} LIMIT 1)
ORDER BY part.run {3:DESC|ASC}, part.item {3:DESC|ASC} LIMIT :limit;

-- name: task_executions_among
-- In the order of `ids`.
SELECT * FROM (
    SELECT t.*, w.number, sum(octet_length(t.input) + octet_length(t.output)) OVER before AS bytes_before
    FROM unnest(:ids::text[]) WITH ORDINALITY AS w (id, number) JOIN task_executions AS t ON t.id = w.id
    WHERE EXISTS (SELECT FROM job_executions AS j WHERE j.id = t.job_execution_id AND (j.account_id = :account_id) IS TRUE)
    WINDOW before AS (ORDER BY w.number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
) AS sized
WHERE coalesce(bytes_before, 0) <= :max_bytes
ORDER BY number;

-- name: logs_among
SELECT * FROM logs WHERE id = ANY (:ids::text[]) AND account_id = :account_id;
