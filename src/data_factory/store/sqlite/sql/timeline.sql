-- name: moments_of_execution
-- Everything that the rows of a job execution and its events say has happened, by time. What happens in one moment is
-- told by `phase`: what was done to it, what ended, what ended with that, what begins, and what is taken in hand.
-- That somebody skipped a task is told with who that was, and not again as its end.
-- Reads the times of all that it has, once, and sorts what has not ended before the page begins; what they tell is read
-- of those only that it gives.
WITH mine AS MATERIALIZED (
    SELECT seq, id, type, task_id, created_at, started_at, ended_at FROM task_executions
    WHERE job_execution_id = :job_execution_id AND account_id = :job_account_id AND (ended_at IS NULL OR ended_at >= :at)
)
SELECT at, phase, seq, what, id FROM (
    SELECT at, 1 AS phase, seq, 'event' AS what, id FROM events
    WHERE job_execution_id = :job_execution_id AND +account_id IN (:account_id, :job_account_id)
    UNION ALL
    SELECT ended_at, CASE
        WHEN ended_at = created_at THEN iif(task_id = '', 4, 6)
        WHEN type IN ('JOIN', 'DO_WHILE') THEN 3
        ELSE 2
    END, seq, 'ended', id FROM mine WHERE ended_at IS NOT NULL AND id NOT IN (
        SELECT object_id FROM events WHERE job_execution_id = :job_execution_id AND kind = 'task_execution.skipped'
    )
    UNION ALL
    SELECT created_at, 4, seq, 'begun', id FROM mine WHERE task_id <> '' OR ended_at IS NOT created_at
    UNION ALL
    SELECT started_at, 5, seq, 'claimed', id FROM mine WHERE task_id <> '' AND started_at IS NOT NULL
)
WHERE (at, phase, seq) > (:at, :phase, :seq)
ORDER BY at, phase, seq LIMIT :limit;

-- name: told_task_executions
SELECT t.id, t.task_id, t.type, t.path, t.attempt, t.status, t.worker_id, t.created_at, t.available_at, t.started_at,
    t.ended_at, t.failure, t.warning, earlier.failure AS earlier_failure,
    CASE WHEN t.type IN ('SWITCH', 'DECISION') THEN json_extract(t.output, '$.selectedCase') END AS chosen
FROM json_each(:ids) AS w JOIN task_executions AS t ON t.id = w.value
LEFT JOIN task_executions AS earlier
    ON earlier.job_execution_id = t.job_execution_id AND earlier.path = t.path AND earlier.attempt = t.attempt - 1;

-- name: events_by_id
SELECT e.* FROM json_each(:ids) AS w JOIN events AS e ON e.id = w.value;

-- name: key_titles
SELECT k.id, k.title FROM json_each(:ids) AS w JOIN api_keys AS k ON k.id = w.value WHERE k.account_id = :account_id;
