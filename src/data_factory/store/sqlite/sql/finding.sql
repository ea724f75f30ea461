-- What may be what a find asks for, among the next so many (`window`) of a list. The last one that was looked at is
-- always there: it is where to go on.

-- name: scan_of_{account|job}{|_ascending}
WITH part AS (
    SELECT seq, id, job_id, job_version, pipeline_id, status, origin, created_at, started_at, ended_at, title, failure
    FROM job_executions
    WHERE {1:|job_id = :job_id AND }account_id = :account_id
        AND seq {2:<|>} coalesce(:beyond, iif(:cursor IS NULL, {2:9223372036854775807|0},
            (SELECT seq FROM job_executions WHERE id = :cursor AND account_id = :account_id)))
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

-- name: scan_of_{task_executions|logs}_of_{account|job_execution}{|_ascending}
-- Job execution by job execution, each with what is of it: it is not kept in one order for a whole account. One without
-- any is a row too, since it was looked at, and `cursor` is where to go on after each: after one of these, or after a
-- whole job execution.
WITH place AS MATERIALIZED (
    SELECT j.seq AS run, t.seq AS item FROM {1:task_executions|logs} AS t JOIN job_executions AS j ON j.id = t.job_execution_id
    WHERE t.id = :cursor AND j.account_id = :account_id
    UNION ALL
    SELECT seq {3:-|+} 1, {3:9223372036854775807|0} FROM job_executions WHERE id = :cursor AND account_id = :account_id
    UNION ALL
    SELECT {3:9223372036854775807|0}, {3:9223372036854775807|0} WHERE :cursor IS NULL
), part AS MATERIALIZED (
    SELECT j.seq AS run, coalesce(t.seq, 0) AS item, j.id AS run_id
    FROM job_executions AS j LEFT JOIN {1:task_executions|logs} AS t ON t.job_execution_id = j.id
        AND (j.seq <> (SELECT run FROM place) OR t.seq {3:<|>} (SELECT item FROM place))
    WHERE {2:|j.id = :job_execution_id AND +}j.account_id = :account_id AND j.seq {3:<=|>=} (SELECT run FROM place)
    ORDER BY j.seq {3:DESC|ASC}, t.seq {3:DESC|ASC} LIMIT :window
)
SELECT t.id, coalesce(t.id, part.run_id) AS cursor, (SELECT count(*) FROM part) AS looked_at
FROM part LEFT JOIN {1:task_executions|logs} AS t ON t.seq = part.item
WHERE (t.{1:status|severity} IN (SELECT value FROM json_each(:statuses)) AND t.created_at BETWEEN :since AND :until)
    OR (part.run, part.item) = (SELECT run, item FROM part ORDER BY run {3:ASC|DESC}, item {3:ASC|DESC} LIMIT 1)
ORDER BY part.run {3:DESC|ASC}, part.item {3:DESC|ASC} LIMIT :limit;

-- name: task_executions_among
-- In the order of `ids`, through which a CROSS JOIN goes one by one: to sort them would read all that they hold.
SELECT t.* FROM json_each(:ids) AS w CROSS JOIN task_executions AS t ON t.id = w.value
WHERE EXISTS (SELECT 1 FROM job_executions AS j WHERE j.id = t.job_execution_id AND j.account_id = :account_id);

-- name: logs_among
SELECT * FROM logs WHERE id IN (SELECT value FROM json_each(:ids)) AND account_id = :account_id;
