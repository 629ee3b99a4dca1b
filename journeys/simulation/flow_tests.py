"""Tests of a flow: scripts kept with what must come of them. While one fails, the draft is not published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext as _

from crm.lib.zones import zone
from crm.models import Customer, Shop, User
from journeys.flows import versions
from journeys.flows.faults import Fault
from journeys.flows.impact import PeopleInside
from journeys.models import Flow, FlowTest, FlowVersion
from journeys.simulation import expectations, stored
from journeys.simulation.expectations import Difference, Line
from journeys.simulation.scripts import InvalidScript, Script
from journeys.simulation.simulate import SimulationBroke, simulate
from journeys.simulation.words import difference_in_words, titles_of

MOST_TESTS = 20


class CannotKeep(ValueError):
    """The test cannot be stored; `field` is "name" or "script"."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


class FailingTests(ValueError):
    """The draft does not do what its tests expect; `faults` has one for each, `path` being "tests[name]"."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(fault.message for fault in faults))
        self.faults = list(faults)


@transaction.atomic
def keep_test(
    flow: Flow, *, name: str, script: Script, expected: Sequence[Line], actor: User | None, now: datetime,
    test: FlowTest | None = None, is_played: bool = False,
) -> FlowTest:  # fmt: skip
    """
    Store a test of `flow`, or change `test`.

    Args:
        script: about somebody made up.
        expected: lines as `expectations.lines_of` gives them.
        is_played: they are what just came of the script, so that its definition passes; else it has not been tried.

    Raises:
        CannotKeep: about somebody real, a name that another test has, or one test too many.
    """
    if isinstance(script.who, Customer):
        raise CannotKeep("script", _("A test needs somebody made up, who stays as they are."))
    Flow.objects.select_for_update(no_key=True).get(pk=flow.pk)  # two colleagues take turns
    others = FlowTest.objects.filter(flow=flow)
    if test is not None:
        others = others.exclude(pk=test.pk)
    if others.filter(name=name).exists():
        raise CannotKeep("name", _("Another test of this flow has this name."))
    if test is None and others.count() >= MOST_TESTS:
        raise CannotKeep("name", _("A flow has %(most)s tests at most.") % {"most": MOST_TESTS})
    test = test or FlowTest(flow=flow, created_by=actor, created_at=now)
    test.name, test.script, test.expected = name, stored.as_json(script), list(expected)
    test.updated_at, test.differences = now, []
    test.ran_at, test.ran_with = (now, versions.fingerprint(dict(script.definition))) if is_played else (None, "")
    test.save()
    return test


def try_test(test: FlowTest, definition: Mapping[str, Any]) -> list[Difference]:
    """Where `definition`, known to have no faults, does otherwise than the test expects; nothing when it passes."""
    try:
        got = lines_now(test, definition)
    except (InvalidScript, SimulationBroke) as error:
        return [{"kind": "broken", "message": str(error)}]
    return expectations.differences(test.expected, got)


def lines_now(test: FlowTest, definition: Mapping[str, Any]) -> list[Line]:
    """
    What comes of the test's script by `definition`.

    Raises:
        InvalidScript: it names what is no longer here.
        SimulationBroke: the engine could not go on.
    """
    return lines_of(stored.from_json(test.script, flow=test.flow, definition=definition))


def lines_of(script: Script) -> list[Line]:
    """What comes of a script, by its customer's clock; raises what `simulate` raises."""
    return expectations.lines_of(simulate(script), zone_of(script, Shop.current()))


def zone_of(script: Script, shop: Shop) -> ZoneInfo:
    """By whose clock the script's customer lives."""
    theirs = script.who.time_zone
    return zone(theirs, script.rules.time_zone or shop.time_zone)


def run_tests(flow: Flow, tests: Sequence[FlowTest], *, now: datetime) -> None:
    """Try the draft and note on each test how it went."""
    faults = versions.faults_of(flow.draft, slug=flow.slug)
    for test in tests:
        if faults:
            test.differences = [
                {"kind": "broken", "message": _("The draft has faults: %(fault)s") % {"fault": faults[0]}}
            ]
        else:
            test.differences = try_test(test, flow.draft)
        test.ran_at, test.ran_with = now, versions.fingerprint(flow.draft)
        # Changed meanwhile, it has not been tried; taken away, it is not there to be noted on.
        FlowTest.objects.filter(pk=test.pk, updated_at=test.updated_at).update(
            differences=test.differences, ran_at=test.ran_at, ran_with=test.ran_with
        )


def accept(test: FlowTest, *, now: datetime) -> None:
    """
    Take what the draft does now for what it must do; texts are expected only where they were.

    Raises:
        InvalidScript: the script names what is no longer here.
        SimulationBroke: the engine could not go on.
    """
    lines = lines_now(test, test.flow.draft)
    test.expected = lines if expectations.has_texts(test.expected) else expectations.without_texts(lines)
    test.updated_at = test.ran_at = now
    test.ran_with, test.differences = versions.fingerprint(test.flow.draft), []
    test.save()


def failing(flow: Flow) -> list[Fault]:
    """What tests say against publishing the draft, which is known to have no faults; writes nothing."""
    titles = titles_of(flow.draft)
    found = []
    for test in FlowTest.objects.filter(flow=flow).select_related("flow"):
        if differences := try_test(test, flow.draft):
            said = _("The test “%(test)s” fails: %(difference)s") % {
                "test": test.name, "difference": difference_in_words(differences[0], titles)
            }  # fmt: skip
            step = next((line["step"] for line in _sides(differences[0]) if line["step"]), "")
            found.append(Fault(f"tests[{test.name}]", step, said))
    return found


def _sides(difference: Difference) -> list[Line]:
    return [difference[side] for side in ("expected", "got") if side in difference]


@transaction.atomic
def publish(
    flow: Flow,
    *,
    actor: User | None,
    now: datetime,
    people_inside: PeopleInside = PeopleInside.PIN,
    backfill: bool = False,
) -> FlowVersion:
    """
    `versions.publish`, unless a test of the draft fails.

    Raises:
        InvalidDefinition: the draft has faults.
        FailingTests: it does not do what its tests expect.
        CannotPublish: the flow is archived.
    """
    # Without its key: the runner, whose rows this waits for, needs to refer to the flow when it commits.
    stored_flow = Flow.objects.select_for_update(of=("self",), no_key=True).get(pk=flow.pk)
    is_sound = stored_flow.state != Flow.State.ARCHIVED and not versions.faults_of(stored_flow.draft, slug=flow.slug)
    if is_sound and (found := failing(stored_flow)):
        raise FailingTests(found)
    return versions.publish(flow, actor=actor, now=now, people_inside=people_inside, backfill=backfill)
