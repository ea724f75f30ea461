-- name: moments_of_execution
-- Everything that the rows of a job execution and its events say has happened, by time. What happens in one moment is
-- told by `phase`: what was done to it, what ended, what ended with that, what begins, and what is taken in hand.
-- That somebody skipped a task is told with who that was, and not again as its end.
-- Reads the times of all that it has, once, and sorts what has not ended before the page begins; what they tell is read
-- of those only that it gives.
WITH mine AS MATERIALIZED (
    SELECT seq, id, type, task_id, created_at, started_at, ended_at FROM task_executions
    WHERE job_execution_id = :job_execution_id AND account_id = :job_account_id AND (ended_at IS NULL OR ended_at >= :at::bigint)
)
SELECT at, phase, seq, what, id FROM (
    SELECT at, 1 AS phase, seq, 'event' AS what, id FROM events
    WHERE job_execution_id = :job_execution_id AND account_id IN (:account_id, :job_account_id)
    UNION ALL
    SELECT ended_at, CASE
        WHEN ended_at = created_at THEN CASE WHEN task_id = '' THEN 4 ELSE 6 END
        WHEN type IN ('JOIN', 'DO_WHILE') THEN 3
        ELSE 2
    END, seq, 'ended', id FROM mine WHERE ended_at IS NOT NULL AND id <> ALL (ARRAY(
        SELECT object_id FROM events WHERE job_execution_id = :job_execution_id AND kind = 'task_execution.skipped'
    ))
    UNION ALL
    SELECT created_at, 4, seq, 'begun', id FROM mine WHERE task_id <> '' OR ended_at IS DISTINCT FROM created_at
    UNION ALL
    SELECT started_at, 5, seq, 'claimed', id FROM mine WHERE task_id <> '' AND started_at IS NOT NULL
) AS moments
WHERE (at, phase, seq) > (:at::bigint, :phase::integer, :seq::bigint)
ORDER BY at, phase, seq LIMIT :limit;

-- name: told_task_executions
SELECT t.id, t.task_id, t.type, t.path, t.attempt, t.status, t.worker_id, t.created_at, t.available_at, t.started_at,
    t.ended_at, t.failure, t.warning, earlier.failure AS earlier_failure,
    CASE WHEN t.type IN ('SWITCH', 'DECISION') THEN t.output::json ->> 'selectedCase' END AS chosen
FROM task_executions AS t LEFT JOIN task_executions AS earlier
    ON earlier.job_execution_id = t.job_execution_id AND earlier.path = t.path AND earlier.attempt = t.attempt - 1
WHERE t.id = ANY (:ids::text[]);

-- name: events_by_id
SELECT * FROM events WHERE id = ANY (:ids::text[]);

-- name: key_titles
SELECT id, title FROM api_keys WHERE id = ANY (:ids::text[]) AND account_id = :account_id;
