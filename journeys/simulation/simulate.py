"""
Try a flow on one customer under a clock of its own.

The engine itself runs: events are recorded and reacted to, runs are walked by the runner's own code, messages are
judged by the policy and written by Liquid. All of it happens in a transaction that is taken back, so nothing that is
shown here can differ from what would happen, and nothing happens.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from crm.events import log
from crm.events.types import EventDraft
from crm.models import Customer, Event, FailedReaction, Task
from journeys.flows import enrolment, runner
from journeys.flows.enrolment import Entry as EnrolmentEntry
from journeys.flows.plans import plan_of
from journeys.flows.steps.task import TASK_DONE
from journeys.models import Enrolment, Position, StepVisit
from journeys.simulation import asking, cast, record, sending, why
from journeys.simulation.record import Entry, Shown
from journeys.simulation.scripts import Happening, Script
from journeys.simulation.unwritten import unwritten
from messaging.models import Message

SOURCE = "simulation"
NOT_TAKEN_IN = "not taken in"
# How steps say that they decided which way to go.
DECIDED = frozenset({"path", "held", "timed_out"})
# Each round takes at least one step or decides on at least one message; more would be a fault of ours.
MOST_ROUNDS = 1000


class SimulationBroke(RuntimeError):
    """The engine failed on something that a real event could bring as well."""


@dataclass(frozen=True, slots=True)
class Simulation:
    """
    What came of it.

    Attributes:
        state: of the first run: "active", "completed", "exited"; "failed" when the engine set it aside.
        due_at: when an active run goes on.
        stages: where the customer stands at the end: {journey: stage}.
    """

    entries: list[Entry]
    state: str
    reason: str = ""
    due_at: datetime | None = None
    stages: Mapping[str, str] = field(default_factory=dict)


def simulate(script: Script) -> Simulation:
    """
    Play `script` and write nothing.

    Other flows take no step meanwhile, and a message that goes out is not said to have arrived unless the script does.

    Raises:
        InvalidScript: something in it does not exist here (a topic, a channel).
        SimulationBroke: the engine could not go on.
    """
    with unwritten():
        return _Play(script).run()


class _Play:
    """One script being played, inside the transaction."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._rules = cast.sending_rules(script.rules)
        self._customer = cast.bring_in(script, self._rules.shop)
        self._told = 0
        self._before: set[int] = set()  # their runs so far
        self._entries: list[Entry] = []
        self._known: set[int] = set()  # runs that have been seen to enter
        self._over: set[int] = set()  # runs that have been seen to end
        self._rested: dict[int, tuple[str, int, datetime | None]] = {}
        self._last_visit = 0
        self._refused = ""
        self._fates: dict[int, tuple[str, str, datetime]] = {}

    def run(self) -> Simulation:
        script = self._script
        # Sorting keeps the order of what happens at one instant.
        ahead = deque(sorted(enumerate(script.events), key=lambda numbered: numbered[1].at))
        while ahead and ahead[0][1].at < script.start:
            self._tell(*ahead.popleft())
        self._before = set(self._all_runs().values_list("pk", flat=True))
        self._version = cast.open_flow(script, now=script.start)
        trigger = self._enter()
        self._settle(script.start)
        if not self._known:
            self._refuse(trigger)
        while (now := self._next(ahead)) is not None and now <= script.until:
            while ahead and ahead[0][1].at <= now:
                self._tell(*ahead.popleft())
            self._settle(now)
        return self._result()

    # --- What happens -----------------------------------------------------------------------------

    def _enter(self) -> Event | None:
        """Begin: by the event that the script says, which is returned, or by hand."""
        script, plan = self._script, plan_of(self._version)
        if script.trigger and plan.trigger:
            return self._record(script.trigger)
        properties = {"event": script.trigger.properties} if script.trigger else {}
        by_hand = EnrolmentEntry(self._version, self._customer.pk, script.start, token=SOURCE, context=properties)
        enrolment.enrol_many([by_hand], now=script.start)
        return None

    def _tell(self, number: int, happening: Happening) -> None:
        if happening.event:
            self._record(happening)
        cast.change_consents(
            self._customer, happening.consents, now=happening.at, path=("events", str(number), "consent")
        )
        if happening.attributes:
            cast.change_attributes(self._customer, happening.attributes, now=happening.at)

    def _record(self, happening: Happening) -> Event:
        self._told += 1
        properties = dict(happening.properties)
        if happening.event == TASK_DONE and "task" not in properties:
            properties["task"] = self._finish_task(happening.at)
        draft = EventDraft(
            happening.event,
            self._customer.pk,
            happening.at,
            f"{self._customer.public_id}:{self._told}",
            source=SOURCE,
            properties=properties,
        )
        events = log.record_many([draft], now=happening.at)
        failed = FailedReaction.objects.filter(event__in=[event.pk for event in events]).first()
        if failed:
            raise SimulationBroke(failed.error)
        return events[0]

    def _finish_task(self, now: datetime) -> str:
        """The key of the oldest task that is open: who writes a script cannot know it. "" when there is none."""
        task = Task.objects.open().filter(customer=self._customer).order_by("pk").first()
        if task is None:
            return ""
        Task.objects.filter(pk=task.pk).update(done_at=now)
        return task.dedupe_key or ""

    def _next(self, ahead: deque[tuple[int, Happening]]) -> datetime | None:
        """When something happens, a run goes on or a message is asked about again."""
        times = [happening.at for _, happening in list(ahead)[:1]]
        runs = self._runs().filter(state=Enrolment.State.ACTIVE, is_paused=False)
        times += [at for at in runs.values_list("due_at", flat=True) if at]
        times += self._waiting().values_list("due_at", flat=True)
        return min(times, default=None)

    # --- What the engine makes of it --------------------------------------------------------------

    def _settle(self, now: datetime) -> None:
        """Let runs take their steps and messages be decided on, until nothing is left to do at `now`."""
        for _ in range(MOST_ROUNDS):
            self._note_entries()
            due = list(self._runs().due(now).with_customer().locked())
            if due:
                runner.take(due, now=now)
            self._note_visits(now)
            waiting = list(self._waiting().filter(due_at__lte=now))
            for message in waiting:
                self._deliver(message, now)
            if not due and not waiting:
                break
        else:
            raise SimulationBroke("the run does not come to rest")
        self._note_messages(now)
        self._note_stands(now)

    def _deliver(self, message: Message, now: datetime) -> None:
        sending.deliver(message, self._rules, now=now)
        self._note_message(message, now)

    # --- What is shown ----------------------------------------------------------------------------

    def _note_entries(self) -> None:
        for run in self._runs().exclude(pk__in=self._known).order_by("pk"):
            self._known.add(run.pk)
            self._entries.append(record.entered(run))

    def _note_visits(self, now: datetime) -> None:
        visits = StepVisit.objects.filter(enrolment__in=self._known, pk__gt=self._last_visit).order_by("pk")
        for visit in list(visits):
            self._last_visit = visit.pk
            entry = record.stepped(visit, self._reasons(visit, now))
            if entry:
                self._entries.append(entry)
            of_visit = {"cause__enrolment": visit.enrolment_id, "cause__step": visit.step, "cause__visit": visit.visit}
            for message in list(self._waiting().filter(due_at__lte=now, **of_visit)):
                self._deliver(message, now)

    def _reasons(self, visit: StepVisit, now: datetime) -> Mapping[str, Any]:
        if visit.outcome not in DECIDED:
            return {}
        customer = Customer.objects.get(pk=self._customer.pk)  # with what the run has changed
        return asking.decision_of(plan_of(self._version), visit, customer, now)

    def _note_messages(self, now: datetime) -> None:
        """Those about whom somebody else decided: nobody could be reached, or the run has ended."""
        for message in self._messages().order_by("pk"):
            self._note_message(message, now)

    def _note_message(self, message: Message, now: datetime) -> None:
        fate = (message.state, message.reason, message.due_at)
        if self._fates.get(message.pk) == fate:
            return
        self._fates[message.pk] = fate
        subject, body = sending.text_of(message, self._rules)
        entry = record.written(message, Shown(message.channel, subject, body, message.reason), now)
        if entry:
            self._entries.append(entry)

    def _note_stands(self, now: datetime) -> None:
        for run in self._runs().exclude(pk__in=self._over).order_by("pk"):
            if run.state != Enrolment.State.ACTIVE:
                self._over.add(run.pk)
                self._entries.append(record.ended(run))
                continue
            rest = (run.step, run.visit, run.due_at)
            if self._rested.get(run.pk) != rest:
                self._rested[run.pk] = rest
                self._entries.append(record.resting(run, now))

    def _refuse(self, trigger: Event | None) -> None:
        """The flow did not take them in: say which gate was shut."""
        gates = why.entry_gates(self._version, self._customer, trigger, now=self._script.start)
        shut = next((gate for gate in gates if gate.verdict == why.STOPPED), None)
        self._refused = f"{NOT_TAKEN_IN}: {shut.name}" if shut else NOT_TAKEN_IN
        inputs = {gate.name: {"verdict": gate.verdict, **gate.inputs} for gate in gates}
        self._entries.append(Entry(self._script.start, None, "exited", {"reason": self._refused, "gates": inputs}))

    def _result(self) -> Simulation:
        first = self._runs().order_by("pk").first()
        stages = Position.objects.filter(customer=self._customer, journey__is_active=True, stage__isnull=False)
        standing = dict(stages.order_by("journey__slug").values_list("journey__slug", "stage__slug"))
        if first is None:
            return Simulation(self._entries, "exited", self._refused, stages=standing)
        state = "exited" if first.state == Enrolment.State.HELD_OUT else first.state
        return Simulation(self._entries, state, first.reason, first.due_at, standing)

    # --- Rows -------------------------------------------------------------------------------------

    def _all_runs(self) -> QuerySet[Enrolment, Enrolment]:
        return Enrolment.objects.filter(customer=self._customer)

    def _runs(self) -> Any:
        """The runs of this flow that began in the simulation."""
        return self._all_runs().filter(flow=self._version.flow_id).exclude(pk__in=self._before)

    def _messages(self) -> QuerySet[Message, Message]:
        found = Message.objects.filter(customer=self._customer, cause__enrolment__in=list(self._known))
        return found.select_related("customer", "topic", "template")

    def _waiting(self) -> QuerySet[Message, Message]:
        return self._messages().filter(state=Message.State.QUEUED).order_by("due_at", "pk")
