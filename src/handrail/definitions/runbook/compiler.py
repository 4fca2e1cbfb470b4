"""From text to a compiled runbook: the cross-checks that the models can't make, reporting all faults at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from handrail.definitions.inputs.declared import input_types, names_once
from handrail.definitions.inputs.schema import TASK, InputSchema
from handrail.definitions.language.conditions import Condition
from handrail.definitions.language.names import RESERVED, ROOTS, Variables, nearest, prefixed
from handrail.definitions.language.templates import Escaping
from handrail.definitions.language.valuetypes import ValueType
from handrail.definitions.requests.checking import Context
from handrail.definitions.requests.extraction import Extraction, check_at, compile_extracts
from handrail.definitions.requests.forms import Extracts, GetForm, PollSpec, RequestForm, SendForm, StartForm
from handrail.definitions.runbook import results
from handrail.definitions.runbook.compiled import (
    CheckKind,
    CompiledCheck,
    CompiledRead,
    CompiledRunbook,
    CompiledStep,
    CompiledVerification,
    Polling,
    RetryPolicy,
)
from handrail.definitions.runbook.format import CheckSpec as WrittenCheck
from handrail.definitions.runbook.format import PrerequisiteSpec, RetrySpec, RunbookSpec, VerifySpec
from handrail.definitions.runbook.format import StepSpec as WrittenStep
from handrail.definitions.runbook.people import check_follow_ups
from handrail.definitions.source.faults import Path, TextFaults
from handrail.definitions.source.loader import Document, load
from handrail.definitions.source.validate import validate
from handrail.kernel.canonical import digest

_HTTP: Variables = {"http.status": ValueType("integer")}
_OWN: Variables = {"runbook.name": ValueType("string"), "runbook.version": ValueType("integer")}


# The reasons for which a run stops that are not the definition's own, in ``runbooks.engine``.
REASONS = frozenset(
    {
        "ambiguous-result",
        "call-not-renderable",
        "condition-error",
        "connector-unusable",
        "engine-failed",
        "follow-up-not-held",
        "not-sent",
        "outcome-unknown",
        "poll-not-renderable",
        "poll-window-over",
        "retries-exhausted",
        "runbook-version-mismatch",
        "stopped-by-person",
        "terminal-result",
        "verification-unreadable",
    }
)
REASON_PREFIXES = ("source-unreadable-", "changed-")


def compile_runbook(text: str, *, file: str = "runbook", kept: bool = False) -> CompiledRunbook:
    """The runbook in ``text``. Raises Invalid (``definition-invalid``) with every fault's field, line and column.

    ``file`` is what the message calls the text. ``kept``: see ``Document``.
    """
    return compile_runbook_document(load(text, file=file, kept=kept))


def compile_runbook_document(document: Document) -> CompiledRunbook:
    """The runbook in ``document``. Raises as ``compile_runbook``."""
    faults = TextFaults(document.file)
    spec = validate(document, RunbookSpec, faults)
    compiled = _RunbookCompiler(document, spec, faults).compile()
    faults.refuse_if_any()
    return compiled


class _RunbookCompiler:
    """One pass from top to bottom; what it has met so far is what later parts may name."""

    def __init__(self, document: Document, spec: RunbookSpec, faults: TextFaults) -> None:
        self.document = document
        self.spec = spec
        self.context = Context(document, faults)
        self.task: Variables = {}
        # What may be named everywhere.
        self.base: Variables = {}
        self.reads: dict[str, CompiledRead] = {}
        self.steps: dict[str, CompiledStep] = {}
        # The reads that have been made by the point that the pass has come to, in declared order.
        self.made: list[str] = []

    def compile(self) -> CompiledRunbook:
        self.task = input_types(self.spec.task, "task", self.context)
        # A text that was approved earlier may have a read of this name, which is what it means by it.
        self.base = self.task if "runbook" in self.spec.reads else {**self.task, **_OWN}
        self._identity()
        self._reads()
        self.made = [name for name, read in self.reads.items() if read.after is None]
        known = {**self.base, **self._variables_of(self.made)}
        prerequisites = self._checks(self.spec.prerequisites, ("prerequisites",), known, "prerequisite")
        already = self._already(known)
        for index, step in enumerate(self.spec.steps):
            self.steps[step.name] = self._step(step, ("steps", index))
        self._budget_against_steps()
        self._copies()
        self._next_actions()
        check_follow_ups(self.spec.exception.follow_up, self.context)
        self.context.faults.refuse_if_any()
        schema = InputSchema(self.spec.task, TASK)
        steps = tuple(self.steps.values())
        return CompiledRunbook(self.spec, digest(self.document.data), schema, self.reads, prerequisites, steps, already)

    # tenant, subject, budget

    def _identity(self) -> None:
        tenant = self._task_field(self.spec.tenant, ("tenant",))
        if tenant is not None and (tenant.base != "string" or tenant.many or tenant.optional):
            self.context.add(("tenant",), "the tenant must be a required task field of type string")
        for index, name in enumerate(self.spec.subject):
            kind = self._task_field(name, ("subject", index))
            if kind is not None and (not kind.scalar or kind.optional):
                self.context.add(("subject", index), "the subject is made of required texts, numbers or booleans")
        if (event := self.spec.waves.by) is not None:
            kind = self._task_field(event, ("waves", "by"))
            if kind is not None and not kind.scalar:
                self.context.add(("waves", "by"), "the event of a wave is one text, number or boolean")
        budget = self.spec.retry_budget
        if budget is None or budget.task is None:
            return
        kind = self._task_field(f"task.{budget.task}", ("retry_budget", "task"))
        if kind is not None and (kind.base != "integer" or kind.many):
            self.context.add(("retry_budget", "task"), "the task field with the budget must be of type integer")

    def _task_field(self, name: str, path: Path) -> ValueType | None:
        if name not in self.task:
            self.context.add(path, f"{name} is not a declared task field; {nearest(name, self.task)}")
        return self.task.get(name)

    # reads

    def _reads(self) -> None:
        for name, spec in self.spec.reads.items():
            path: Path = ("reads", name)
            is_free = name == "runbook" and self.document.kept
            if (name in ROOTS or name in RESERVED) and not is_free:
                taken = ", ".join(sorted(ROOTS))
                self.context.add_key(
                    path, f"{name} can't name a read; reserved are {taken} and the words of the condition language"
                )
            extraction = self._extraction(spec.extract, (*path, "extract"))
            answers = {f"steps.{s.name}.{k}": v for s in self.spec.steps for k, v in _declared(s.answer).items()}
            used = self.context.source(spec, path, {**self.base, **self._variables_of(self.reads), **answers})
            self.reads[name] = self._read(name, spec, extraction, used)

    def _read(self, name: str, spec: RequestForm, extraction: Extraction, used: tuple[str, ...]) -> CompiledRead:
        order = [step.name for step in self.spec.steps]
        needs = tuple(dict.fromkeys(root for use in used if (root := use.split(".")[0]) in self.reads))
        after = [use.split(".")[1] for use in used if use.startswith("steps.")]
        after += [earlier for need in needs if (earlier := self.reads[need].after) is not None]
        last = max(after, key=order.index) if after else None
        return CompiledRead(name, spec.connector, spec, extraction, last, needs)  # type: ignore[arg-type]

    def _extraction(self, extracts: Extracts, path: Path) -> Extraction:
        names_once(extracts, path, self.context)
        usable = {}
        for written, extract in extracts.items():
            problem = check_at(extract.at or "/", kept=self.context.document.kept)
            if problem is None:
                usable[written] = extract
            else:
                at = (*path, written, "at")
                self.context.add(at, problem)
                usable[written] = extract.model_copy(update={"at": None})
        return compile_extracts(usable)

    def _variables_of(self, reads: Iterable[str]) -> dict[str, ValueType]:
        found: dict[str, ValueType] = {}
        for name in reads:
            found |= prefixed(name, self.reads[name].extraction.variables)
        return found

    # conditions

    def _checks(
        self, written: Sequence[WrittenCheck], path: Path, known: Variables, default: CheckKind
    ) -> tuple[CompiledCheck, ...]:
        checks: list[CompiledCheck] = []
        for index, check in enumerate(written):
            condition = self.context.condition(check.condition, (*path, index, "condition"), known)
            if condition is not None:
                decided = check.decided if isinstance(check, PrerequisiteSpec) else None
                kind = check.kind or default
                checks.append(CompiledCheck(condition, check.reason, kind, check.message or "", decided))
        return tuple(checks)

    def _already(self, known: Variables) -> Condition | None:
        already = self.spec.already_as_required
        if already is None:
            return None
        path: Path = ("already_as_required", "condition")
        condition = self.context.condition(already.condition, path, known)
        if condition is not None and not any(name.split(".")[0] in self.reads for name in condition.names):
            self.context.add(path, "it must name at least one value that is read; a task alone proves nothing")
        return condition

    # steps

    def _step(self, step: WrittenStep, path: Path) -> CompiledStep:
        self._step_rules(step, path)
        answers = self._extraction(step.answer, (*path, "answer")) if step.answer else None
        earlier = self._earlier()
        known = {**self.base, **self._variables_of(self.made), **earlier}
        self.context.source(step.call, (*path, "call"), known)
        own = prefixed("answer", answers.variables) if answers else {}
        if step.poll:
            self._poll(step, step.poll, path, {**known, **own})
        rows = results.compile_rows(step, path, {**known, **own, **_HTTP}, self.context)
        polling = Polling(step.poll, step.poll.every, step.poll.within) if step.poll else None
        verify = self._verify(step.verify, step, (*path, "verify"), own) if step.verify else None
        return CompiledStep(
            step.name,
            step.title or step.name,
            step.effect == "mutating",
            step.deduplicates or step.effect == "reading",
            step.call.connector,
            step.call,
            answers,
            polling,
            rows,
            _policies(step.retry),
            verify,
        )

    def _poll(self, step: WrittenStep, poll: PollSpec, path: Path, known: Variables) -> None:
        if poll.get is not None and not isinstance(step.call, (SendForm, GetForm)):
            self.context.add(
                (*path, "poll", "get"), "goes with a step that calls over REST; a started job is polled by its id"
            )
        if poll.get is not None:
            self.context.template(poll.get, (*path, "poll", "get"), Escaping.PATH, known)
        elif not isinstance(step.call, StartForm):
            self.context.add((*path, "poll"), "only a started job is polled by its id; give get: and the path to ask")
        elif poll.query:
            self.context.add((*path, "poll", "query"), "query goes with get")
        for name, value in poll.query.items():
            if isinstance(value, str):
                self.context.template(value, (*path, "poll", "query", name), Escaping.QUERY, known)
        if poll.every > poll.within:
            self.context.add((*path, "poll", "every"), "longer than within; it would never be asked again")
        if not step.result.pending:
            self.context.add((*path, "result", "pending"), "a step with poll lists the answers that are pending")

    def _earlier(self) -> dict[str, ValueType]:
        found: dict[str, ValueType] = {}
        for name, step in self.steps.items():
            if step.answers:
                found |= prefixed(f"steps.{name}", step.answers.variables)
        return found

    def _step_rules(self, step: WrittenStep, path: Path) -> None:
        add = self.context.add
        if step.name in self.steps:
            add((*path, "name"), f"two steps are called {step.name}")
        if step.name in RESERVED:
            add((*path, "name"), f"{step.name} is a word of the condition language; choose another name")
        if step.effect == "mutating" and step.verify is None:
            add((*path, "verify"), "a mutating step must say how its effect is verified")
        if step.effect == "mutating" and not _changes(step):
            add((*path, "effect"), "a call with get changes nothing; write effect: reading")
        if isinstance(step.call, SendForm) and len(step.call.methods) != 1:
            add((*path, "call"), "expected exactly one of: post, put, patch, delete")
        if isinstance(step.call, StartForm) and step.poll and not step.poll.get and "id" not in _declared(step.answer):
            add((*path, "answer"), "polling a job needs its id; declare answer: {id: string}")
        retry = step.retry
        if retry is not None:
            self._retry_rules(retry, (*path, "retry"))

    def _retry_rules(self, retry: RetrySpec, path: Path) -> None:
        if retry.initial > retry.ceiling:
            self.context.add((*path, "initial"), "the first wait is longer than the ceiling")
        for name, policy in retry.classes.items():
            own = (*path, "classes", name)
            if (policy.initial or retry.initial) > (policy.ceiling or retry.ceiling):
                self.context.add((*own, "initial"), "the first wait is longer than the ceiling")
            if (policy.attempts or 0) > retry.attempts:
                self.context.add((*own, "attempts"), f"more than the step's own {retry.attempts} attempts")

    def _budget_against_steps(self) -> None:
        budget = self.spec.retry_budget
        for index, step in enumerate(self.spec.steps):
            if budget and step.retry and step.retry.attempts - 1 > budget.at_most:
                self.context.add(
                    ("steps", index, "retry", "attempts"),
                    f"{step.retry.attempts} attempts need a budget of {step.retry.attempts - 1}; "
                    f"retry_budget.at_most is {budget.at_most}",
                )

    # verification and copies

    def _verify(self, verify: VerifySpec, step: WrittenStep, path: Path, own: Variables) -> CompiledVerification:
        before = prefixed("before", self._variables_of(self.made))
        self._unchanged(verify, path, before)
        reads = self._reread(verify, step, path)
        fresh = self._variables_of(reads)
        self.made = [name for name in self.reads if name in self.made or name in reads]
        mine = {f"steps.{step.name}.{name.partition('.')[2]}": kind for name, kind in own.items()}
        known = {**self.base, **fresh, **before, **self._earlier(), **own, **mine}
        if verify.within and verify.every > verify.within:
            self.context.add((*path, "every"), "longer than within; it would never be read again")
        return CompiledVerification(
            reads,
            any(self.reads[name].after == step.name for name in reads),
            verify.within,
            verify.every,
            self._checks(verify.conditions, (*path, "conditions"), known, "verification"),
            tuple(verify.unchanged),
            self._checks(verify.guards, (*path, "guards"), known, "guard"),
        )

    def _reread(self, verify: VerifySpec, step: WrittenStep, path: Path) -> tuple[str, ...]:
        """All that the verification reads, in declared order, those of ``unchanged`` among them."""
        wanted = {*verify.reads, *(name.split(".")[0] for name in verify.unchanged)}
        reads = tuple(name for name in self.reads if name in wanted)
        order = [written.name for written in self.spec.steps]
        for index, name in enumerate(verify.reads):
            read, at = self.reads.get(name), (*path, "reads", index)
            if read is None:
                self.context.add(at, f"{name} is not a declared read; {nearest(name, self.reads)}")
            elif read.after is not None and order.index(read.after) > order.index(step.name):
                self.context.add(at, f"{name} needs the answer of a later step, {read.after}")
            elif missing := [need for need in read.needs if need not in self.made and need not in wanted]:
                self.context.add(at, f"{name} needs {', '.join(missing)} to be read here too")
        return reads

    def _unchanged(self, verify: VerifySpec, path: Path, before: Variables) -> None:
        plain = {name.removeprefix("before."): kind for name, kind in before.items()}
        for index, name in enumerate(verify.unchanged):
            if name not in plain:
                self.context.add(
                    (*path, "unchanged", index), f"{name} is not read before this step; {nearest(name, plain)}"
                )

    def _copies(self) -> None:
        known = {**self.base, **self._variables_of(self.made), **self._earlier()}
        for part, names in (("completion", self.spec.completion.copy_), ("exception", self.spec.exception.copy_)):
            for index, name in enumerate(names):
                path = (part, "copy", index)
                if name not in known:
                    self.context.add(path, f"{name} is not declared; {nearest(name, known)}")
                elif name in names[:index]:
                    self.context.add(path, f"{name} is listed twice")

    def _next_actions(self) -> None:
        """Reasons that end in ``-`` and a name are made of the name of a read or value, so they are not listed here."""
        checks: list[WrittenCheck] = [*self.spec.prerequisites]
        for step in self.spec.steps:
            checks += [*step.verify.conditions, *step.verify.guards] if step.verify else []
        known = {check.reason for check in checks} | REASONS
        for reason in self.spec.exception.next_actions:
            if reason not in known and not reason.startswith(REASON_PREFIXES):
                self.context.add_key(
                    ("exception", "next_actions", reason), f"no run stops for this reason; {nearest(reason, known)}"
                )


def _declared(answer: Extracts | None) -> dict[str, ValueType]:
    return {
        name.removesuffix("?"): ValueType(extract.type.base, extract.type.many, optional=name.endswith("?"))
        for name, extract in (answer or {}).items()
    }


def _changes(step: WrittenStep) -> bool:
    return not hasattr(step.call, "get")


def _policies(retry: RetrySpec | None) -> Mapping[str | None, RetryPolicy]:
    if retry is None:
        return {None: RetryPolicy(1, 1.0, 1.0, 1.0)}
    general = RetryPolicy(retry.attempts, retry.initial, float(retry.backoff), retry.ceiling)
    return {None: general} | {
        name: RetryPolicy(
            own.attempts or general.attempts,
            own.initial or general.initial_seconds,
            float(own.backoff or general.backoff),
            own.ceiling or general.ceiling_seconds,
        )
        for name, own in retry.classes.items()
    }
