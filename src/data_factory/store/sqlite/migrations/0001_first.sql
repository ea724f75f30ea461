-- The first schema. Times are milliseconds since the epoch, UTC. Payloads are JSON text.
-- `seq` is the order of commits, which is what FIFO means here: ids carry a clock, and clocks jump.

CREATE TABLE accounts (
    id          TEXT PRIMARY KEY CHECK (length(id) = 24),
    title       TEXT NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE api_keys (
    seq         INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE CHECK (length(id) = 24),
    account_id  TEXT NOT NULL REFERENCES accounts (id),
    title       TEXT NOT NULL,
    prefix      TEXT NOT NULL,
    hash        TEXT NOT NULL CHECK (length(hash) = 64),
    created_at  INTEGER NOT NULL,
    revoked_at  INTEGER
) STRICT;
-- A key that was revoked may be given again: the environment may name an older one.
CREATE UNIQUE INDEX api_keys_hash ON api_keys (hash) WHERE revoked_at IS NULL;
CREATE INDEX api_keys_of_account ON api_keys (account_id, seq) WHERE revoked_at IS NULL;

-- `running` and `pending` are how many of its job executions are, so that nobody has to count.
CREATE TABLE pipelines (
    seq         INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE CHECK (length(id) = 24),
    account_id  TEXT NOT NULL REFERENCES accounts (id),
    title       TEXT NOT NULL,
    slots       INTEGER NOT NULL CHECK (slots >= 1),
    is_default  INTEGER NOT NULL CHECK (is_default IN (0, 1)),
    running     INTEGER NOT NULL DEFAULT 0 CHECK (running >= 0),
    pending     INTEGER NOT NULL DEFAULT 0 CHECK (pending >= 0),
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX pipelines_of_account ON pipelines (account_id, seq);
CREATE UNIQUE INDEX pipelines_default ON pipelines (account_id) WHERE is_default = 1;

CREATE TABLE tasks (
    seq         INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE CHECK (length(id) = 24),
    account_id  TEXT NOT NULL REFERENCES accounts (id),
    key         TEXT NOT NULL CHECK (key <> ''),
    definition  TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    deleted_at  INTEGER
) STRICT;
CREATE UNIQUE INDEX tasks_key ON tasks (account_id, key) WHERE deleted_at IS NULL;
CREATE INDEX tasks_of_account ON tasks (account_id, seq) WHERE deleted_at IS NULL;

CREATE TABLE jobs (
    seq         INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE CHECK (length(id) = 24),
    account_id  TEXT NOT NULL REFERENCES accounts (id),
    key         TEXT NOT NULL CHECK (key <> ''),
    title       TEXT NOT NULL,
    status      TEXT NOT NULL CHECK (status IN ('DRAFT', 'ACTIVE', 'INACTIVE')),
    pipeline_id TEXT NOT NULL REFERENCES pipelines (id),
    version     INTEGER NOT NULL CHECK (version >= 1),
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    periodicity TEXT NOT NULL,
    is_paused   INTEGER NOT NULL CHECK (is_paused IN (0, 1)),
    due_at      INTEGER,
    UNIQUE (account_id, key),
    CHECK (due_at IS NULL OR (is_paused = 0 AND status <> 'INACTIVE' AND periodicity <> '[]'))
) STRICT;
CREATE INDEX jobs_of_account ON jobs (account_id, seq);
CREATE INDEX jobs_due ON jobs (due_at) WHERE due_at IS NOT NULL;

-- A publication is never changed: a running execution keeps the version that it started with.
CREATE TABLE job_versions (
    job_id      TEXT NOT NULL REFERENCES jobs (id),
    version     INTEGER NOT NULL CHECK (version >= 1),
    definition  TEXT NOT NULL,
    task_ids    TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (job_id, version)
) STRICT;

-- Which tasks the present version of each job names.
CREATE TABLE job_tasks (
    job_id      TEXT NOT NULL REFERENCES jobs (id),
    task_id     TEXT NOT NULL REFERENCES tasks (id),
    PRIMARY KEY (task_id, job_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX job_tasks_of_job ON job_tasks (job_id);

CREATE TABLE job_executions (
    seq             INTEGER PRIMARY KEY,
    id              TEXT NOT NULL UNIQUE CHECK (length(id) = 24),
    account_id      TEXT NOT NULL,
    job_id          TEXT NOT NULL,
    job_version     INTEGER NOT NULL,
    job_account_id  TEXT NOT NULL,
    pipeline_id     TEXT NOT NULL,
    status          TEXT NOT NULL CHECK (status IN
        ('PENDING', 'RUNNING', 'COMPLETED', 'USER_ERROR', 'FAILED', 'TERMINATED', 'TIMEDOUT')),
    origin          TEXT NOT NULL,
    launched_by     TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    started_at      INTEGER,
    ended_at        INTEGER,
    deadline_at     INTEGER,
    title           TEXT NOT NULL,
    failure         TEXT,
    input           TEXT NOT NULL,
    output          TEXT NOT NULL,
    variables       TEXT NOT NULL,
    CHECK ((ended_at IS NULL) = (status IN ('PENDING', 'RUNNING'))),
    CHECK (status <> 'RUNNING' OR started_at IS NOT NULL),
    CHECK (status <> 'PENDING' OR started_at IS NULL),
    CHECK (status = 'RUNNING' OR deadline_at IS NULL)
) STRICT;
CREATE INDEX job_executions_of_account ON job_executions (account_id, seq);
CREATE INDEX job_executions_of_job ON job_executions (job_id, seq);
CREATE INDEX job_executions_waiting ON job_executions (pipeline_id, seq) WHERE status = 'PENDING';
CREATE INDEX job_executions_in_slots ON job_executions (pipeline_id) WHERE status = 'RUNNING';
CREATE INDEX job_executions_deadline ON job_executions (deadline_at) WHERE deadline_at IS NOT NULL;

CREATE TABLE task_executions (
    seq              INTEGER PRIMARY KEY,
    id               TEXT NOT NULL UNIQUE CHECK (length(id) = 24),
    account_id       TEXT NOT NULL,
    job_execution_id TEXT NOT NULL,
    task_id          TEXT NOT NULL,
    type             TEXT NOT NULL CHECK (type IN
        ('SUB_WORKFLOW', 'SWITCH', 'DECISION', 'DO_WHILE', 'FORK_JOIN', 'JOIN', 'TERMINATE', 'WAIT', 'HUMAN', 'SET_VARIABLE')),
    path             TEXT NOT NULL CHECK (path <> ''),
    attempt          INTEGER NOT NULL CHECK (attempt >= 1),
    status           TEXT NOT NULL CHECK (status IN
        ('SCHEDULED', 'IN_PROGRESS', 'COMPLETED', 'COMPLETED_WITH_ERRORS', 'FAILED', 'FAILED_WITH_TERMINAL_ERROR',
         'TIMED_OUT', 'CANCELED', 'SKIPPED')),
    worker_id        TEXT,
    claim_id         TEXT,
    lease            TEXT,
    lease_ms         INTEGER,
    lease_expires_at INTEGER,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    available_at     INTEGER,
    poll_timeout_at  INTEGER,
    started_at       INTEGER,
    timeout_at       INTEGER,
    ended_at         INTEGER,
    timer_at         INTEGER,
    failure          TEXT,
    warning          TEXT,
    progress         TEXT,
    input            TEXT NOT NULL,
    output           TEXT NOT NULL,
    UNIQUE (job_execution_id, path, attempt),
    CHECK ((ended_at IS NULL) = (status IN ('SCHEDULED', 'IN_PROGRESS'))),
    CHECK ((task_id <> '') = (type = 'SUB_WORKFLOW')),
    CHECK ((status = 'IN_PROGRESS' AND type = 'SUB_WORKFLOW') = (lease_expires_at IS NOT NULL)),
    CHECK (lease_expires_at IS NULL OR (lease IS NOT NULL AND lease_ms IS NOT NULL)),
    CHECK (status <> 'IN_PROGRESS' OR started_at IS NOT NULL),
    CHECK (status <> 'SCHEDULED' OR (lease IS NULL AND claim_id IS NULL AND started_at IS NULL)),
    CHECK (status = 'SCHEDULED' OR poll_timeout_at IS NULL),
    CHECK (status = 'SCHEDULED' OR available_at IS NULL OR (status = 'IN_PROGRESS' AND type <> 'SUB_WORKFLOW')),
    -- Control flow waits for a time, never for a worker.
    CHECK (status <> 'SCHEDULED' OR available_at IS NOT NULL OR type = 'SUB_WORKFLOW'),
    CHECK (status = 'IN_PROGRESS' OR timeout_at IS NULL),
    -- Whatever comes due has a timer, and nothing else has: without it, it would be stuck for ever.
    CHECK ((timer_at IS NULL) = (coalesce(available_at, poll_timeout_at, lease_expires_at, timeout_at) IS NULL))
) STRICT;
CREATE INDEX task_executions_claimable ON task_executions (task_id, seq)
    WHERE status = 'SCHEDULED' AND available_at IS NULL;
CREATE INDEX task_executions_claimed ON task_executions (task_id, claim_id) WHERE status = 'IN_PROGRESS';
CREATE INDEX task_executions_timer ON task_executions (timer_at) WHERE timer_at IS NOT NULL;

-- When a worker last asked for each task.
CREATE TABLE task_polls (
    task_id    TEXT PRIMARY KEY,
    polled_at  INTEGER NOT NULL,
    worker_id  TEXT
) STRICT, WITHOUT ROWID;

-- What tasks tell of their job executions.
CREATE TABLE logs (
    seq               INTEGER PRIMARY KEY,
    id                TEXT NOT NULL UNIQUE CHECK (length(id) = 24),
    account_id        TEXT NOT NULL,
    job_execution_id  TEXT NOT NULL,
    task_execution_id TEXT,
    emitter_name      TEXT NOT NULL,
    severity          TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'error')),
    message_type      TEXT NOT NULL CHECK (message_type IN ('DEFAULT', 'MARKDOWN')),
    message           TEXT NOT NULL,
    logged_at         INTEGER NOT NULL,
    created_at        INTEGER NOT NULL
) STRICT;
CREATE INDEX logs_of_job ON logs (job_execution_id, seq);

-- How much of it there is, so that nobody has to count.
CREATE TABLE log_tallies (
    job_execution_id  TEXT PRIMARY KEY,
    logs              INTEGER NOT NULL CHECK (logs >= 0),
    bytes             INTEGER NOT NULL CHECK (bytes >= 0)
) STRICT, WITHOUT ROWID;

-- Variables. The value of a secret is encrypted.
CREATE TABLE variables (
    seq         INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE CHECK (length(id) = 24),
    account_id  TEXT NOT NULL REFERENCES accounts (id),
    key         TEXT NOT NULL,
    title       TEXT NOT NULL,
    status      TEXT NOT NULL CHECK (status IN ('ACTIVE', 'INACTIVE')),
    is_secret   INTEGER NOT NULL CHECK (is_secret IN (0, 1)),
    value       TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    UNIQUE (account_id, key)
) STRICT;
CREATE INDEX variables_of_account ON variables (account_id, seq);
CREATE INDEX variables_secret ON variables (account_id) WHERE is_secret = 1;

-- What secrets once were, encrypted too: what runs may still have been given it, and must not tell it.
CREATE TABLE former_secrets (
    seq         INTEGER PRIMARY KEY,
    account_id  TEXT NOT NULL,
    key         TEXT NOT NULL,
    value       TEXT NOT NULL,
    ended_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX former_secrets_of_account ON former_secrets (account_id, key);
CREATE INDEX former_secrets_age ON former_secrets (ended_at);

-- Files, without their content: that is a blob of the same id. What is due is swept.
CREATE TABLE files (
    seq           INTEGER PRIMARY KEY,
    id            TEXT NOT NULL UNIQUE CHECK (length(id) = 64),
    account_id    TEXT NOT NULL REFERENCES accounts (id),
    status        TEXT NOT NULL CHECK (status IN ('ARRIVING', 'KEPT', 'LEAVING')),
    filename      TEXT NOT NULL,
    content_type  TEXT NOT NULL,
    size          INTEGER NOT NULL CHECK (size >= 0),
    sha256        TEXT NOT NULL CHECK (length(sha256) IN (0, 64)),
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    due_at        INTEGER,
    CHECK (status <> 'KEPT' OR (length(sha256) = 64 AND filename <> ''))
) STRICT;
CREATE INDEX files_of_account ON files (account_id, seq) WHERE status = 'KEPT';
CREATE INDEX files_due ON files (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX files_arriving ON files (id) WHERE status = 'ARRIVING';

-- How much of them an account has, so that nobody has to count.
CREATE TABLE file_tallies (
    account_id  TEXT PRIMARY KEY,
    files       INTEGER NOT NULL CHECK (files >= 0),
    bytes       INTEGER NOT NULL CHECK (bytes >= 0)
) STRICT, WITHOUT ROWID;

-- Which files the present version of a job names.
CREATE TABLE job_files (
    job_id   TEXT NOT NULL REFERENCES jobs (id),
    file_id  TEXT NOT NULL REFERENCES files (id),
    PRIMARY KEY (job_id, file_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX job_files_of_file ON job_files (file_id);

CREATE TABLE idempotency_keys (
    account_id   TEXT NOT NULL,
    key          TEXT NOT NULL,
    fingerprint  TEXT NOT NULL,
    resource_id  TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (account_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

-- Leases that are still to be spared, and from when that is reckoned; at most one row. While it is there, no task
-- execution is due.
CREATE TABLE sparing (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    since  INTEGER NOT NULL
) STRICT;

-- Terminal is terminal, whatever the code above believes.
CREATE TRIGGER job_executions_terminal BEFORE UPDATE OF status ON job_executions
WHEN OLD.ended_at IS NOT NULL
BEGIN
    SELECT RAISE(ABORT, 'a job execution that has ended does not change');
END;
CREATE TRIGGER task_executions_terminal BEFORE UPDATE OF status ON task_executions
WHEN OLD.ended_at IS NOT NULL
BEGIN
    SELECT RAISE(ABORT, 'a task execution that has ended does not change');
END;
