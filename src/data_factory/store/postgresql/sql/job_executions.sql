-- name: insert_job_executions
-- One row for each that was inserted. What runs and waits in their pipelines is counted with them.
WITH made AS (
    INSERT INTO job_executions (
        id, account_id, job_id, job_version, job_account_id, pipeline_id, status, origin, launched_by, created_at,
        started_at, ended_at, deadline_at, title, failure, input, output, variables, pause, priority, traceparent,
        parent, launched_from
    ) SELECT * FROM unnest(
        :id::text[], :account_id::text[], :job_id::text[], :job_version::integer[], :job_account_id::text[],
        :pipeline_id::text[], :status::text[], :origin::text[], :launched_by::text[], :created_at::bigint[],
        :started_at::bigint[], :ended_at::bigint[], :deadline_at::bigint[], :title::text[], :failure::text[],
        :input::text[], :output::text[], :variables::text[], :pause::text[], :priority::integer[], :traceparent::text[],
        :parent::text[], :launched_from::text[]
    )
    RETURNING pipeline_id, status, parent
), more AS (
    SELECT pipeline_id,
        count(*) FILTER (WHERE status = 'RUNNING') AS running, count(*) FILTER (WHERE status = 'PENDING') AS pending
    FROM made WHERE parent IS NULL GROUP BY pipeline_id
), tallied AS (
    UPDATE pipelines AS p SET running = p.running + more.running, pending = p.pending + more.pending
    FROM more WHERE p.id = more.pipeline_id AND (more.running <> 0 OR more.pending <> 0)
)
SELECT FROM made;

-- name: update_job_executions
-- One row for each that was changed. What runs and waits in their pipelines is counted with them.
WITH changed AS (
    UPDATE job_executions AS e SET
        status = n.status, started_at = n.started_at, ended_at = n.ended_at, deadline_at = n.deadline_at,
        failure = n.failure, output = n.output, variables = n.variables, pause = n.pause
    FROM unnest(
        :id::text[], :expected_status::text[], :status::text[], :started_at::bigint[], :ended_at::bigint[],
        :deadline_at::bigint[], :failure::text[], :output::text[], :variables::text[], :pause::text[]
    ) AS n (id, expected_status, status, started_at, ended_at, deadline_at, failure, output, variables, pause)
    WHERE e.id = n.id AND e.status = n.expected_status
    RETURNING e.pipeline_id, n.expected_status, n.status, e.parent
), more AS (
    SELECT pipeline_id,
        count(*) FILTER (WHERE status = 'RUNNING') - count(*) FILTER (WHERE expected_status = 'RUNNING') AS running,
        count(*) FILTER (WHERE status = 'PENDING') - count(*) FILTER (WHERE expected_status = 'PENDING') AS pending
    FROM changed WHERE parent IS NULL GROUP BY pipeline_id
), tallied AS (
    UPDATE pipelines AS p SET running = p.running + more.running, pending = p.pending + more.pending
    FROM more WHERE p.id = more.pipeline_id AND (more.running <> 0 OR more.pending <> 0)
)
SELECT FROM changed;

-- name: hold_job_executions_by_id
SELECT * FROM job_executions WHERE id = ANY (:ids::text[]) ORDER BY id FOR NO KEY UPDATE;

-- name: pending_job_executions
-- The first ones that wait for a slot, of each pipeline as many as are wanted. The place of one in its queue is
-- `seq - priority * 1099511627776`.
SELECT e.id, w.queue_id, octet_length(e.input) AS size
FROM unnest(:pipeline_ids::text[], :counts::bigint[]) AS w (queue_id, wanted), LATERAL (
    SELECT p.id, p.seq - p.priority * 1099511627776 AS place, p.input FROM job_executions AS p
    WHERE p.pipeline_id = ANY (ARRAY[w.queue_id]) AND p.status = 'PENDING' AND p.pause IS NULL AND p.deadline_at IS NULL
    ORDER BY p.pipeline_id, p.seq - p.priority * 1099511627776 LIMIT w.wanted
    FOR NO KEY UPDATE
) AS e
ORDER BY e.place;

-- name: due_job_executions
SELECT * FROM job_executions WHERE deadline_at <= :now AND pause IS NULL ORDER BY deadline_at LIMIT :limit;

-- name: put_off_job_execution
UPDATE job_executions SET deadline_at = :until::bigint
WHERE id = :id AND deadline_at IS NOT DISTINCT FROM :at::bigint AND pause IS NULL AND (status = 'PENDING' OR deadline_at IS NOT NULL);

-- name: next_job_deadline
SELECT min(deadline_at) FROM job_executions WHERE deadline_at IS NOT NULL AND pause IS NULL;

-- name: job_execution
SELECT * FROM job_executions WHERE id = :id AND account_id = :account_id;

-- name: job_executions_of_account
-- How large they are is known without reading what is kept elsewhere because it is large.
SELECT * FROM (
    SELECT *, sum(octet_length(input) + octet_length(output)) OVER before AS bytes_before FROM (
        SELECT * FROM job_executions
        WHERE account_id = ANY (ARRAY[:account_id::text])
            AND seq < CASE WHEN :cursor::text IS NULL THEN 9223372036854775807
                ELSE (SELECT seq FROM job_executions WHERE id = :cursor AND account_id = :account_id) END
        ORDER BY account_id DESC, seq DESC LIMIT :limit OFFSET :offset
    ) AS part
    WINDOW before AS (ORDER BY seq DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
) AS sized
WHERE coalesce(bytes_before, 0) <= :max_bytes
ORDER BY seq DESC;

-- name: job_executions_of_job
SELECT * FROM (
    SELECT *, sum(octet_length(input) + octet_length(output)) OVER before AS bytes_before FROM (
        SELECT * FROM job_executions
        WHERE job_id = ANY (ARRAY[:job_id::text]) AND account_id = :account_id
            AND seq < CASE WHEN :cursor::text IS NULL THEN 9223372036854775807
                ELSE (SELECT seq FROM job_executions WHERE id = :cursor AND account_id = :account_id) END
        ORDER BY job_id DESC, seq DESC LIMIT :limit OFFSET :offset
    ) AS part
    WINDOW before AS (ORDER BY seq DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
) AS sized
WHERE coalesce(bytes_before, 0) <= :max_bytes
ORDER BY seq DESC;

-- name: waiting_pipelines
-- One step in the index a pipeline, however many wait in each.
WITH RECURSIVE w (id) AS (
    (SELECT pipeline_id FROM job_executions
        WHERE status = 'PENDING' AND pause IS NULL AND deadline_at IS NULL ORDER BY pipeline_id LIMIT 1)
    UNION ALL
    SELECT (
        SELECT e.pipeline_id FROM job_executions AS e
        WHERE e.status = 'PENDING' AND e.pause IS NULL AND e.deadline_at IS NULL AND e.pipeline_id > w.id
        ORDER BY e.pipeline_id LIMIT 1
    ) FROM w WHERE w.id IS NOT NULL
)
SELECT id FROM w WHERE id IS NOT NULL;
