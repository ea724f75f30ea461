-- name: create_migration_log
-- Here before the first migration: what was begun, when it was done, and by which version of Data Factory.
CREATE TABLE IF NOT EXISTS schema_migrations (
    number    integer PRIMARY KEY,
    name      text NOT NULL,
    kind      text NOT NULL CHECK (kind IN ('before', 'after')),
    version   text NOT NULL,
    begun_at  timestamptz NOT NULL DEFAULT now(),
    done_at   timestamptz
);

-- name: migration_log
SELECT number, name, kind, done_at IS NOT NULL AS done, version, coalesce(done_at, begun_at) AS at
FROM schema_migrations ORDER BY number;

-- name: begin_migration
INSERT INTO schema_migrations (number, name, kind, version) VALUES (:number, :name, :kind, :version)
ON CONFLICT (number) DO NOTHING;

-- name: end_migration
UPDATE schema_migrations SET done_at = clock_timestamp(), version = :version WHERE number = :number;

-- name: forget_migration
DELETE FROM schema_migrations WHERE number = :number AND done_at IS NULL;

-- name: arrive
-- Held by every connection of a program, for as long as it lives: the newest migration that it knows.
SELECT pg_advisory_lock_shared(:space, :knows);

-- name: present
-- The programs that are connected. Whoever may connect may see this.
SELECT coalesce(nullif(a.application_name, ''), 'process ' || l.pid || ' of PostgreSQL') AS name,
    l.objid::bigint AS knows
FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.classid = :space::bigint AND l.objsubid = 2 AND l.granted
    AND a.datname = current_database() AND l.database = a.datid
GROUP BY 1, 2 ORDER BY 1, 2;

-- name: in_the_way
-- The transactions that have been open for longest: one of them holds what a migration waits for.
SELECT coalesce(nullif(application_name, ''), backend_type) AS name, pid, xact_start AS since
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start < now() - interval '1 second'
ORDER BY xact_start LIMIT 3;
