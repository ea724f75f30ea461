"""The rows that the commands of one transaction touch: as they were read, and as they are to be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from time import perf_counter

import msgspec
from msgspec.structs import replace

from data_factory.engine.graph import Graph, Work
from data_factory.engine.run import Needs, Outcome, Run
from data_factory.engine.scope import MAX_PAYLOAD_BYTES
from data_factory.engine.scripts import MAX_SCRIPT_MS, Script, Verdict, evaluate
from data_factory.model.definitions import TaskDefinition, UserInput
from data_factory.model.records import (
    EventRecord,
    IdempotencyRecord,
    JobExecutionRecord,
    JobRecord,
    JobShareRecord,
    LinkRecord,
    PipelineRecord,
    SecretRecord,
    TakeoverRecord,
    TaskExecutionRecord,
    TaskRecord,
    VariableRecord,
    WebhookRecord,
)
from data_factory.model.status import TASK_EXECUTION_ENDED
from data_factory.model.variables import Mask, Value, filled, has_marks, keys_in
from data_factory.service.commands import (
    Cancel,
    Claim,
    Command,
    FillSlots,
    FireTimers,
    Hold,
    HoldPipeline,
    Launch,
    Report,
    Resize,
    Skip,
)
from data_factory.service.due import JOB, TASK, look_for_due
from data_factory.service.graphs import Graphs, Version
from data_factory.service.job_steps import JobSteps
from data_factory.service.resuming import resume_of
from data_factory.service.rows import Latest, Rows
from data_factory.service.vault import Vault
from data_factory.store.promises import Pair, Transaction

_decode_task = msgspec.json.Decoder(TaskDefinition).decode


class World:
    """What is known while the commands of one transaction are decided."""

    def __init__(self, transaction: Transaction, graphs: Graphs, vault: Vault) -> None:
        self._transaction = transaction
        self._graphs_kept = graphs
        self._vault = vault
        self._variables: dict[Pair, VariableRecord | None] = {}
        self._secrets: dict[Pair, list[SecretRecord]] = {}
        self._task_ids: dict[str, dict[str, str | None]] = {}
        self._graphs: dict[Version, Graph] = {}
        self._latest: dict[str, Latest] = {}
        self._all_active: set[str] = set()
        self._verdicts: dict[str, dict[Script, Verdict]] = {}
        self._thinking_ms_left: float = MAX_SCRIPT_MS
        self.jobs: dict[str, JobRecord] = {}
        self.tasks: dict[str, TaskRecord] = {}
        self.definitions: dict[str, TaskDefinition] = {}
        self.pipelines: dict[str, PipelineRecord] = {}
        self.resized: dict[str, PipelineRecord] = {}
        self.executions: Rows[JobExecutionRecord] = Rows()
        self.task_executions: Rows[TaskExecutionRecord] = Rows()
        self.idempotency: dict[tuple[str, str], IdempotencyRecord] = {}
        self.idempotency_new: list[IdempotencyRecord] = []
        self.events: list[EventRecord] = []
        self.links: dict[str, LinkRecord] = {}
        self.links_new: list[LinkRecord] = []
        self.takeovers: list[TakeoverRecord] = []
        self._lost: set[str] = set()
        self._too_large: dict[str, set[frozenset[str]]] = {}
        self.due: list[tuple[int, int, str]] = []
        self.due_until: tuple[int, int] = (0, TASK)
        self.more_due = False
        self.job_steps = JobSteps()
        self.due_jobs: dict[str, JobRecord] = {}
        self.guests: dict[Pair, JobShareRecord] = {}
        self.rescheduled: list[JobRecord] = []
        self.webhooks: list[WebhookRecord] = []

    # -- what the decisions ask

    def run_of(self, execution_id: str) -> Run:
        """An execution, for the decider."""
        execution = self.executions.now[execution_id]
        return Run(
            execution=execution,
            graph=self._graphs[execution.job_id, execution.job_version],
            tasks=self.definitions,
            rows=self._latest_of(execution_id),
            active=self.active_of(execution_id) if execution_id in self._all_active else None,
            verdicts=self._verdicts.get(execution_id, {}),
            variables=self._plain_variables(execution.job_account_id),
            task_ids=self._task_ids.get(execution.job_account_id, {}),
            may_think=self._thinking_ms_left > 0,
            resume=self._resume_of(execution),
            lost=self._lost,
            too_large=self._too_large.get(execution_id, ()),
        )

    def _resume_of(self, execution: JobExecutionRecord) -> dict[str, list[str]] | None:
        """Where a retry goes on, if that was read."""
        link = self.links.get(execution.id)
        return None if link is None else resume_of(link)

    def user_inputs_of(self, job: JobRecord) -> tuple[UserInput, ...]:
        """What a job asks for before it runs, of those that are to be launched."""
        graph = self._graphs.get((job.id, job.version))
        return graph.user_inputs if graph is not None else ()

    def _latest_of(self, execution_id: str) -> Latest:
        found = self._latest.get(execution_id)
        if found is None:
            found = self._latest[execution_id] = Latest(self.task_executions)
        return found

    def active_of(self, execution_id: str) -> list[TaskExecutionRecord]:
        """The task executions of one job execution that have not ended, among those loaded or made here."""
        return [
            row
            for row in self.task_executions.now.values()
            if row.job_execution_id == execution_id and row.status not in TASK_EXECUTION_ENDED
        ]

    def apply(self, outcome: Outcome) -> None:
        """Take over what the decider has decided."""
        self.executions.put(outcome.execution)
        for row in outcome.task_executions:
            self.task_executions.put(row)
        self._latest_of(outcome.execution.id).learn(outcome.task_executions)

    def pipeline(self, id: str) -> PipelineRecord | None:
        """A pipeline as it is to be, of those that are loaded."""
        return self.resized.get(id, self.pipelines.get(id))

    def coming_back(self) -> list[tuple[JobExecutionRecord, JobExecutionRecord]]:
        """What waits for a slot from now on, of what the store has: resumed, or come to its time."""
        return [(old, new) for old, new in self.executions.changed() if new.is_ready and not old.is_ready]

    def free_slots(self, pipeline_ids: Collection[str]) -> dict[str, int]:
        """How many more executions may run now, for each of these pipelines that has a free slot."""
        running = Counter({id: self.pipelines[id].running for id in pipeline_ids})
        for old, new in self.executions.changed():
            if new.parent is None:
                running[new.pipeline_id] += (new.status == "RUNNING") - (old.status == "RUNNING")
        started = (row for row in self.executions.new() if row.status == "RUNNING" and row.parent is None)
        running.update(row.pipeline_id for row in started)
        now = [self.resized.get(id, self.pipelines[id]) for id in pipeline_ids]
        return {row.id: free for row in now if row.pause is None and (free := row.slots - running[row.id]) > 0}

    def still_pending(self, pipeline_ids: Collection[str]) -> dict[str, int]:
        """How many executions that the store has wait in each of these pipelines, of those in which any do."""
        pending = Counter({id: self.pipelines[id].pending for id in pipeline_ids})
        for old, new in self.executions.changed():
            pending[new.pipeline_id] += (new.status == "PENDING") - (old.status == "PENDING")
        return {id: pending[id] for id in pipeline_ids if pending[id] > 0}

    def expect_webhooks(self, pipeline_ids: Iterable[str]) -> None:
        """These pipelines have webhooks from now on."""
        for id in pipeline_ids:
            self.pipelines[id] = replace(self.pipelines[id], has_webhooks=1)

    def limit_of(self, task_id: str) -> int:
        """How many executions of a task may be in progress at a time; 0 is no limit."""
        return self.definitions[task_id].concurrent_exec_limit

    def may_make_room(self, task_id: str) -> bool:
        """Whether the end of one that is in progress may let another begin. What is given up with its branch, or with
        its job, may be of a task that was not read: then it may."""
        return task_id not in self.definitions or self.limit_of(task_id) > 0

    # -- variables

    def _plain_variables(self, account_id: str) -> dict[str, Value]:
        """The variables of an account that were read, without what secrets say."""
        values: dict[str, Value] = {}
        for (owner, key), variable in self._variables.items():
            if owner == account_id:
                active = variable is not None and variable.status == "ACTIVE"
                is_secret = variable is not None and bool(variable.is_secret)
                values[key] = Value(variable.value if variable and active and not is_secret else "", is_secret)
        return values

    def handed_out(self, row: TaskExecutionRecord) -> tuple[str, str]:
        """The input of a task execution as its worker gets it, and as it is kept.

        Raises:
            SecretUnreadable: a secret in it cannot be read.
        """
        if not has_marks(row.input):
            return row.input, row.input
        values = self._plain_variables(row.account_id)
        for key in keys_in(row.input):
            variable = self._variables[row.account_id, key]
            if variable is not None and variable.is_secret and variable.status == "ACTIVE":
                values[key] = Value(self._vault.unseal(variable.value, row.account_id, key), is_secret=True)
        return filled(row.input, values)

    def mask_of(self, row: TaskExecutionRecord) -> Mask | None:
        """What takes the secrets that a task execution was given out of what is told of it; None if it was given none.

        Raises:
            SecretUnreadable: one of them cannot be read.
        """
        if not has_marks(row.input):
            return None
        return self._vault.mask(secret for key in keys_in(row.input) for secret in self._secrets[row.account_id, key])

    async def load_variables(self, rows: Iterable[TaskExecutionRecord]) -> None:
        """The variables that stand in the inputs of these."""
        await self._load_variables({(row.account_id, key) for row in rows for key in keys_in(row.input)})

    async def _load_variables(self, pairs: set[Pair]) -> None:
        missing = pairs - self._variables.keys()
        if missing:
            self._variables |= dict.fromkeys(missing)
            for variable in await self._transaction.variables_by_key(sorted(missing)):
                self._variables[variable.account_id, variable.key] = variable

    async def _load_secrets(self, reports: Iterable[Report]) -> None:
        """What must not be told in these reports."""
        held = (row for report in reports if (row := self.task_executions.now.get(report.id)) is not None)
        pairs = {(row.account_id, key) for row in held for key in keys_in(row.input)}
        if pairs:
            self._secrets = {pair: [] for pair in pairs}
            for secret in await self._transaction.secrets_by_key(sorted(pairs)):
                self._secrets[secret.account_id, secret.key].append(secret)

    # -- loading

    async def load(self, commands: Sequence[Command], now: int) -> None:
        """Load the rows that the commands touch, a statement a kind of row, in the order in which a transaction may
        hold them: pipelines, job executions, task executions."""
        launches = [command for command in commands if isinstance(command, Launch)]
        reports = [command for command in commands if isinstance(command, Report)]
        claims = [command for command in commands if isinstance(command, Claim)]
        for command in commands:
            if isinstance(command, FireTimers):
                await self._look_for_due(now, command)
        await self._load_idempotency(launches)
        await self._load_jobs(launches)
        await self.job_steps.load_started(self._transaction, self.jobs)
        due = {kind: {id for _, each, id in self.due if each == kind} for kind in (TASK, JOB)}
        stopped = {command.id for command in commands if isinstance(command, Cancel | Hold)} | due[JOB]
        touched = stopped | {record.resource_id for record in self.idempotency.values()}
        touched |= {launch.again.of_id for launch in launches if launch.again is not None}
        touched |= self.job_steps.children
        ending = {report.id for report in reports if report.status not in ("IN_PROGRESS", "SCHEDULED")} | due[TASK]
        skipped = {command.id for command in commands if isinstance(command, Skip)}
        ending |= skipped
        await self._load_pipelines(commands, ending, touched)
        await self._load_executions(touched)
        held = {report.id for report in reports} | due[TASK] | skipped | self.job_steps.awaiting
        await self._load_task_executions(held, ending, claims, stopped)
        await self.load_graphs((), launches)
        await self.job_steps.load_called(self._transaction, self)
        await self._load_results(reports)
        await self._load_secrets(reports)
        await self._load_tasks({id for claim in claims for id in claim.task_ids}, held)

    async def load_pending(self, ids: Iterable[str]) -> None:
        """Executions that wait, with all that starting them needs."""
        await self._load_executions(set(ids))
        await self.load_graphs(())
        await self._load_tasks()

    async def _load_links(self, ids: set[str]) -> None:
        """Where these go on, which are retries."""
        if ids:
            for link in await self._transaction.links_of(ids):
                self.links.setdefault(link.id, link)

    async def load_graphs(self, rows: Iterable[JobExecutionRecord], launches: Iterable[Launch] = ()) -> None:
        """The graphs of these executions, of those known, and of the jobs to be launched."""
        versions = {(row.job_id, row.job_version) for row in (*rows, *self.executions.now.values())}
        versions |= {(job.id, job.version) for job in self.jobs.values()}
        versions |= {(one.job_id, one.version) for one in launches if one.version is not None}
        wanted = versions - self._graphs.keys()
        if wanted:
            self._graphs |= await self._graphs_kept.load(self._transaction, wanted)

    async def supply(self, needs: Mapping[str, Needs]) -> None:
        """What the decisions on these job executions have found missing, a statement a kind."""
        await self._load_latest({(id, path) for id, need in needs.items() for path in need.paths})
        await self._load_outputs({id: need.outputs for id, need in needs.items() if need.outputs})
        await self._load_links({id for id, need in needs.items() if need.resume})
        stopped = {id for id, need in needs.items() if need.active}
        if stopped:
            self._all_active |= stopped
            await self._load_task_executions(active_of=stopped)
        wanted = {(self.executions.now[id].job_account_id, key) for id, need in needs.items() for key in need.variables}
        await self._load_variables(wanted)
        named = {(self.executions.now[id].job_account_id, key) for id, need in needs.items() for key in need.keys}
        await self._load_task_ids(named)
        await self._load_definitions({id for need in needs.values() for id in need.tasks})
        for id, need in needs.items():
            for script in need.scripts:
                if self._thinking_ms_left > 0:
                    self._verdicts.setdefault(id, {})[script] = await self._think(script)

    async def _think(self, script: Script) -> Verdict:
        begin = perf_counter()
        verdict = await self._transaction.aside(lambda: evaluate(script))
        self._thinking_ms_left -= (perf_counter() - begin) * 1000
        return verdict

    async def _look_for_due(self, now: int, command: FireTimers) -> None:
        """What seems to be due, in the order in which it came due; and the jobs that are, which come before all rows
        that a transaction may hold."""
        found = await look_for_due(self._transaction, now, command.limit)
        if command.only is not None:
            found = found.among(command.only)
        self.due, self.due_until, self.more_due = found.in_order, found.until, found.more
        self.due_jobs = {job.id: job for job in found.jobs}
        self.job_steps.look(found.tasks, found.executions)

    async def _load_idempotency(self, launches: Iterable[Launch]) -> None:
        pairs = {(launch.account_id, launch.idempotency.key) for launch in launches if launch.idempotency}
        if pairs:
            records = await self._transaction.idempotency_keys(pairs)
            self.idempotency = {(record.account_id, record.key): record for record in records}

    async def _load_jobs(self, launches: Sequence[Launch]) -> None:
        job_ids = {launch.job_id for launch in launches}
        if job_ids:
            self.jobs = {job.id: job for job in await self._transaction.jobs_by_id(job_ids)}
        others = {(one.job_id, one.account_id) for one in launches if self._is_of_another(one)}
        if others:
            self.guests = {
                (one.job_id, one.account_id): one for one in await self._transaction.job_guests(sorted(others))
            }
        self.jobs |= self.due_jobs

    def _is_of_another(self, launch: Launch) -> bool:
        job = self.jobs.get(launch.job_id)
        return job is not None and job.account_id != launch.account_id

    async def _load_pipelines(
        self, commands: Iterable[Command], task_execution_ids: set[str], job_execution_ids: set[str]
    ) -> None:
        """The pipelines of what starts or ends. From here on we are alone with them."""
        wanted = {job.pipeline_id for job in self.jobs.values()}
        wanted.update(guest.pipeline_id for guest in self.guests.values())
        for command in commands:
            match command:
                case FillSlots(pipeline_ids=ids):
                    wanted.update(ids)
                case Resize(pipeline=pipeline):
                    wanted.add(pipeline.id)
                case HoldPipeline(id=id):
                    wanted.add(id)
        if wanted or task_execution_ids or job_execution_ids:
            found = await self._transaction.pipelines_of(wanted, job_execution_ids, task_execution_ids)
            self.pipelines = {row.id: row for row in found}

    async def _load_executions(self, ids: set[str]) -> None:
        missing = ids - self.executions.now.keys()
        if missing:
            self.executions.add(await self._transaction.job_executions_by_id(missing))

    async def _load_task_executions(
        self,
        ids: Collection[str] = (),
        ending: Collection[str] = (),
        claims: Iterable[Claim] = (),
        active_of: Collection[str] = (),
    ) -> None:
        """These task executions, what claims were given before, and what has not ended of job executions; and the job
        executions of those that may end."""
        claimed = {(task_id, claim.claim_id) for claim in claims if claim.claim_id for task_id in claim.task_ids}
        if not (ids or claimed or active_of):
            return
        rows = await self._transaction.task_executions_of(ids, claimed, active_of)
        self.task_executions.add(rows)
        await self._load_executions(
            {row.job_execution_id for row in rows if row.id in ending and row.status not in TASK_EXECUTION_ENDED}
        )

    def graph_of(self, execution_id: str) -> Graph | None:
        """The graph of an execution, of those that are loaded."""
        execution = self.executions.now.get(execution_id)
        return self._graphs.get((execution.job_id, execution.job_version)) if execution else None

    async def _load_results(self, reports: Iterable[Report]) -> None:
        """What the steps that follow may read: only the references that their expressions name."""
        may_fail = {id: True for _, kind, id in self.due if kind == TASK}
        for report in reports:  # more than one thing may happen to the same task execution
            may_fail[report.id] = may_fail.get(report.id, False) or report.status != "COMPLETED"
        pairs: set[tuple[str, str]] = set()
        for id, failing in may_fail.items():
            row = self.task_executions.now.get(id)
            graph = self.graph_of(row.job_execution_id) if row else None
            if row is not None and graph is not None:
                reads = graph.reads_after(row.path, may_fail=failing)
                pairs |= {(row.job_execution_id, path) for path in reads if path != row.path}
        await self._load_latest(pairs)

    async def _load_latest(self, pairs: set[tuple[str, str]]) -> None:
        """The latest task executions at paths: `pairs` of job execution id and path."""
        if not pairs:
            return
        rows = await self._transaction.latest_task_executions(pairs)
        self.task_executions.add(rows)
        for row in rows:
            self._latest_of(row.job_execution_id).learn((row,))
        for id, path in pairs:
            self._latest_of(id).miss((path,))

    async def _load_outputs(self, wanted: Mapping[str, frozenset[str]]) -> None:
        """What is to make one output, of each of these job executions, unless it is too large for that."""
        if not wanted:
            return
        sizes = await self._transaction.output_sizes({(id, path) for id, paths in wanted.items() for path in paths})
        large = {id: paths for id, paths in wanted.items() if sizes.get(id, 0) > MAX_PAYLOAD_BYTES}
        for id, paths in large.items():
            self._too_large.setdefault(id, set()).add(paths)
        await self._load_latest({(id, path) for id, paths in wanted.items() if id not in large for path in paths})

    async def _load_tasks(self, claimed: Iterable[str] = (), held: Iterable[str] = ()) -> None:
        """The task definitions that a retry, a step after one of those `held`, a start or a claim needs."""
        wanted = {*claimed, *(row.task_id for row in self.task_executions.now.values())}
        for id in held:
            row = self.task_executions.now.get(id)
            if row is not None and (graph := self.graph_of(row.job_execution_id)) is not None:
                wanted.add(_task_of(graph, graph.next_after(row.path)))
        begun = {(row.job_id, row.job_version) for row in self.executions.now.values() if row.status == "PENDING"}
        begun |= {(job.id, job.version) for job in self.jobs.values()}
        for version in begun & self._graphs.keys():
            wanted.add(_task_of(self._graphs[version], self._graphs[version].first))
        await self._load_definitions(wanted - {""})

    async def _load_task_ids(self, named: set[Pair]) -> None:
        """The tasks with these keys: `named` are pairs of account id and key."""
        if not named:
            return
        for account_id, key in named:
            self._task_ids.setdefault(account_id, {})[key] = None
        for task in await self._transaction.tasks_named(sorted(named)):
            self._task_ids[task.account_id][task.key] = task.id

    async def _load_definitions(self, ids: set[str]) -> None:
        missing = ids - self.tasks.keys() - self._lost
        if missing:
            for task in await self._transaction.tasks_by_id(missing):
                self.tasks[task.id] = task
                self.definitions[task.id] = _decode_task(task.definition)
            self._lost |= missing - self.tasks.keys()


def _task_of(graph: Graph, path: str | None) -> str:
    """The id of the task that the step at a path runs; `""` where there is none."""
    step = None if path is None else graph.step(path)
    return step.task_id if isinstance(step, Work) else ""
