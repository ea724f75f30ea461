-- The first schema. Times are milliseconds since the epoch, UTC. Payloads are JSON text.
-- `seq` is the order of commits, which is what FIFO means here: ids carry a clock, and clocks jump.

CREATE TABLE accounts (
    id          TEXT PRIMARY KEY CHECK (length(id) = 24),
    title       TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    disabled_at INTEGER
) STRICT;

CREATE TABLE api_keys (
    seq         INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE CHECK (length(id) = 24),
    account_id  TEXT NOT NULL REFERENCES accounts (id),
    title       TEXT NOT NULL,
    prefix      TEXT NOT NULL,
    hash        TEXT NOT NULL CHECK (length(hash) = 64),
    created_at  INTEGER NOT NULL,
    revoked_at  INTEGER,
    role        TEXT NOT NULL CHECK (role IN ('admin', 'operator', 'worker', 'viewer')),
    expires_at  INTEGER,
    used_at     INTEGER,
    rate_limit  TEXT
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
    slots       INTEGER NOT NULL CHECK (slots <> 0),
    is_default  INTEGER NOT NULL CHECK (is_default IN (0, 1)),
    running     INTEGER NOT NULL DEFAULT 0 CHECK (running >= 0),
    pending     INTEGER NOT NULL DEFAULT 0 CHECK (pending >= 0),
    -- Whether a webhook may concern what ends here: else nobody looks for one.
    has_webhooks INTEGER NOT NULL DEFAULT 0 CHECK (has_webhooks IN (0, 1)),
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    pause       TEXT
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

-- Folders for jobs, inside each other: `depth` is 0 for those that are in none.
CREATE TABLE projects (
    seq         INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE CHECK (length(id) = 24),
    account_id  TEXT NOT NULL REFERENCES accounts (id),
    title       TEXT NOT NULL CHECK (title <> ''),
    parent_id   TEXT CHECK (parent_id <> id),
    depth       INTEGER NOT NULL CHECK (depth >= 0),
    status      TEXT NOT NULL CHECK (status IN ('ACTIVE', 'INACTIVE')),
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    CHECK ((parent_id IS NULL) = (depth = 0))
) STRICT;
CREATE INDEX projects_of_account ON projects (account_id, seq);
CREATE INDEX projects_in_project ON projects (parent_id) WHERE parent_id IS NOT NULL;

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
    project_id  TEXT REFERENCES projects (id),
    UNIQUE (account_id, key),
    CHECK (due_at IS NULL OR (is_paused = 0 AND status <> 'INACTIVE' AND periodicity <> '[]'))
) STRICT;
CREATE INDEX jobs_of_account ON jobs (account_id, seq);
CREATE INDEX jobs_in_project ON jobs (project_id) WHERE project_id IS NOT NULL;
CREATE INDEX jobs_due ON jobs (due_at) WHERE due_at IS NOT NULL;

-- With which other accounts jobs are shared.
CREATE TABLE job_shares (
    job_id      TEXT NOT NULL REFERENCES jobs (id),
    account_id  TEXT NOT NULL REFERENCES accounts (id),
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (job_id, account_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX job_shares_of_account ON job_shares (account_id, job_id);

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
    pause           TEXT,
    priority        INTEGER NOT NULL DEFAULT 0 CHECK (priority BETWEEN -1000 AND 1000),
    traceparent     TEXT,
    parent          TEXT,
    launched_from   TEXT,
    CHECK (parent IS NULL OR status <> 'PENDING'),
    CHECK ((ended_at IS NULL) = (status IN ('PENDING', 'RUNNING'))),
    CHECK (status <> 'RUNNING' OR started_at IS NOT NULL),
    CHECK (status <> 'PENDING' OR started_at IS NULL),
    CHECK (status IN ('PENDING', 'RUNNING') OR (deadline_at IS NULL AND pause IS NULL))
) STRICT;
CREATE INDEX job_executions_of_account ON job_executions (account_id, seq);
CREATE INDEX job_executions_of_job ON job_executions (job_id, seq);
-- The queue of each pipeline: the highest priority first, and among equals in the order of their launch. What is paused,
-- or is to start later, is not in it.
CREATE INDEX job_executions_waiting ON job_executions (pipeline_id, seq - priority * 1099511627776)
    WHERE status = 'PENDING' AND pause IS NULL AND deadline_at IS NULL;
CREATE INDEX job_executions_in_slots ON job_executions (pipeline_id) WHERE status = 'RUNNING' AND parent IS NULL;
CREATE INDEX job_executions_deadline ON job_executions (deadline_at) WHERE deadline_at IS NOT NULL AND pause IS NULL;

CREATE TABLE task_executions (
    seq              INTEGER PRIMARY KEY,
    id               TEXT NOT NULL UNIQUE CHECK (length(id) = 24),
    account_id       TEXT NOT NULL,
    job_execution_id TEXT NOT NULL,
    task_id          TEXT NOT NULL,
    type             TEXT NOT NULL CHECK (type IN
        ('SUB_WORKFLOW', 'SWITCH', 'DECISION', 'DO_WHILE', 'FORK_JOIN', 'JOIN', 'TERMINATE', 'WAIT', 'HUMAN', 'SET_VARIABLE',
        'FORK_JOIN_DYNAMIC', 'START_WORKFLOW')),
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
    paused_at        INTEGER,
    traceparent      TEXT,
    UNIQUE (job_execution_id, path, attempt),
    CHECK ((ended_at IS NULL) = (status IN ('SCHEDULED', 'IN_PROGRESS'))),
    -- Without a task, it is another job that runs.
    CHECK (task_id = '' OR type = 'SUB_WORKFLOW'),
    CHECK ((status = 'IN_PROGRESS' AND task_id <> '') = (lease_expires_at IS NOT NULL)),
    CHECK (lease_expires_at IS NULL OR (lease IS NOT NULL AND lease_ms IS NOT NULL)),
    CHECK (status <> 'IN_PROGRESS' OR started_at IS NOT NULL),
    CHECK (status <> 'SCHEDULED' OR (lease IS NULL AND claim_id IS NULL AND started_at IS NULL)),
    CHECK (status = 'SCHEDULED' OR poll_timeout_at IS NULL),
    CHECK (status = 'SCHEDULED' OR available_at IS NULL OR (status = 'IN_PROGRESS' AND task_id = '')),
    -- Control flow waits for a time, never for a worker.
    CHECK (status <> 'SCHEDULED' OR available_at IS NOT NULL OR task_id <> ''),
    CHECK (status = 'IN_PROGRESS' OR timeout_at IS NULL),
    -- Whatever comes due has a timer, and nothing else has: without it, it would be stuck for ever. What is paused waits
    -- to be resumed.
    CHECK ((timer_at IS NULL) = (coalesce(available_at, poll_timeout_at, lease_expires_at, timeout_at) IS NULL)
        OR (paused_at IS NOT NULL AND timer_at IS NULL AND lease_expires_at IS NULL))
) STRICT;
CREATE INDEX task_executions_claimable ON task_executions (task_id, seq)
    WHERE status = 'SCHEDULED' AND available_at IS NULL AND paused_at IS NULL;
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

-- What was done, or has happened, and no other row says.
CREATE TABLE events (
    seq               INTEGER PRIMARY KEY,
    id                TEXT NOT NULL UNIQUE CHECK (length(id) = 24),
    account_id        TEXT NOT NULL,
    kind              TEXT NOT NULL CHECK (kind <> ''),
    object_id         TEXT NOT NULL,
    job_execution_id  TEXT,
    at                INTEGER NOT NULL,
    key_id            TEXT NOT NULL,
    address           TEXT NOT NULL,
    origin            TEXT NOT NULL CHECK (origin IN ('API', 'CLI', 'CONSOLE', 'PERIODIC', 'SYSTEM')),
    detail            TEXT NOT NULL CHECK (length(detail) <= 10000)
) STRICT;
CREATE INDEX events_of_execution ON events (job_execution_id, seq) WHERE job_execution_id IS NOT NULL;
CREATE INDEX events_of_account ON events (account_id, seq);
CREATE INDEX events_age ON events (at);

-- Job executions that run another one again. `resume` are the paths, as JSON, at which a RETRY begins.
CREATE TABLE job_execution_links (
    id          TEXT PRIMARY KEY CHECK (length(id) = 24),
    account_id  TEXT NOT NULL,
    of_id       TEXT NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('RERUN', 'RETRY')),
    resume      TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX job_execution_links_of ON job_execution_links (of_id);

-- Job executions that were deleted, and of which there is still something to be erased.
CREATE TABLE erasures (
    id          TEXT PRIMARY KEY CHECK (length(id) = 24),
    account_id  TEXT NOT NULL,
    deleted_at  INTEGER NOT NULL
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

-- Which files job executions use, and which accounts may read them because of that. What one that has not ended uses, is
-- not swept; who is another than its owner reads a file while the execution is kept, and the file is there.
CREATE TABLE file_readers (
    file_id           TEXT NOT NULL,
    account_id        TEXT NOT NULL,
    job_execution_id  TEXT NOT NULL,
    PRIMARY KEY (file_id, account_id, job_execution_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX file_readers_of_execution ON file_readers (job_execution_id);

-- Who is told of the end of job executions: of an account's, or of one only. Secrets are encrypted.
CREATE TABLE webhooks (
    seq               INTEGER PRIMARY KEY,
    id                TEXT NOT NULL UNIQUE CHECK (length(id) = 24),
    account_id        TEXT NOT NULL REFERENCES accounts (id),
    job_execution_id  TEXT,
    url               TEXT NOT NULL,
    statuses          TEXT NOT NULL,
    job_ids           TEXT NOT NULL,
    is_active         INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    disabled_reason   TEXT,
    secret            TEXT NOT NULL,
    former_secret     TEXT,
    former_until      INTEGER,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    CHECK ((former_secret IS NULL) = (former_until IS NULL))
) STRICT;
CREATE INDEX webhooks_of_account ON webhooks (account_id, seq) WHERE job_execution_id IS NULL;
CREATE INDEX webhooks_of_job ON webhooks (job_execution_id) WHERE job_execution_id IS NOT NULL;

-- What they are told, or are to be told when it is due. Who sends one holds it by a lease, and it is due again after.
CREATE TABLE webhook_deliveries (
    seq               INTEGER PRIMARY KEY,
    id                TEXT NOT NULL UNIQUE CHECK (length(id) = 24),
    account_id        TEXT NOT NULL,
    webhook_id        TEXT NOT NULL,
    job_execution_id  TEXT,
    host              TEXT NOT NULL CHECK (host <> ''),
    status            TEXT NOT NULL CHECK (status IN ('PENDING', 'DELIVERED', 'FAILED')),
    tries             INTEGER NOT NULL CHECK (tries >= 0),
    attempts          TEXT NOT NULL,
    lease             TEXT,
    due_at            INTEGER,
    ended_at          INTEGER,
    created_at        INTEGER NOT NULL,
    CHECK ((status = 'PENDING') = (due_at IS NOT NULL)),
    CHECK ((status = 'PENDING') = (ended_at IS NULL)),
    CHECK (lease IS NULL OR status = 'PENDING')
) STRICT;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (host, due_at, seq) WHERE due_at IS NOT NULL;
CREATE INDEX webhook_deliveries_of_webhook ON webhook_deliveries (webhook_id, seq);
CREATE INDEX webhook_deliveries_of_job ON webhook_deliveries (job_execution_id, seq) WHERE job_execution_id IS NOT NULL;
CREATE INDEX webhook_deliveries_ended ON webhook_deliveries (ended_at) WHERE ended_at IS NOT NULL;

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
