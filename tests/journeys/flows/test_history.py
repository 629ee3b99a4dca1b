from __future__ import annotations

from typing import Any

import pytest

from journeys.flows import drafts, history, versions
from journeys.models import DraftEdit, Flow
from tests.factories.crm import NOON
from tests.factories.journeys import FlowFactory, live_flow

pytestmark = pytest.mark.django_db


def say(flow: Flow, what: Any) -> None:
    history.edit(flow, lambda _draft: {"said": what}, now=NOON)


def said(flow: Flow) -> Any:
    return Flow.objects.get(pk=flow.pk).draft["said"]


def test_edits_are_taken_back_and_done_again() -> None:
    flow = FlowFactory.create(draft={"said": 0})
    assert history.can(flow) == (False, False)
    for number in (1, 2):
        say(flow, number)
    assert history.can(flow) == (True, False)

    walked = []
    for step in (history.undo, history.undo, history.undo, history.redo, history.redo, history.redo):
        step(flow, now=NOON)
        walked.append((said(flow), history.can(flow)))

    assert walked == [
        (1, (True, True)), (0, (False, True)), (0, (False, True)), (1, (True, True)), (2, (True, False)),
        (2, (True, False)),
    ]  # fmt: skip


def test_a_new_edit_forgets_what_was_undone() -> None:
    flow = FlowFactory.create(draft={"said": 0})
    say(flow, 1)
    history.undo(flow, now=NOON)
    say(flow, 2)
    history.redo(flow, now=NOON)
    assert said(flow) == 2
    history.undo(flow, now=NOON)
    assert said(flow) == 0


def test_an_edit_that_changes_nothing_leaves_no_trace() -> None:
    flow = FlowFactory.create(draft={"said": 0})
    say(flow, 0)
    assert not DraftEdit.objects.exists()


def test_the_stack_is_bounded() -> None:
    flow = FlowFactory.create(draft={"said": 0})
    for number in range(1, history.KEPT + 20):
        say(flow, number)
    assert flow.edits.count() == history.KEPT
    for _n in range(history.KEPT + 20):
        history.undo(flow, now=NOON)
    assert said(flow) == 20


def test_what_a_program_wrote_in_between_is_not_lost() -> None:
    flow = FlowFactory.create(draft={"said": 0})
    say(flow, 1)
    drafts.edit_flow(flow, {"draft": {"said": "program"}}, now=NOON)
    say(flow, 2)
    history.undo(flow, now=NOON)
    assert said(flow) == "program"
    history.undo(flow, now=NOON)
    assert said(flow) == 1


def test_editing_a_draft_never_touches_what_is_live() -> None:
    flow = live_flow()
    before = flow.live_version.definition  # type: ignore[union-attr]
    history.edit(flow, lambda draft: {**draft, "holdout": 20}, now=NOON)
    flow.refresh_from_db()
    assert flow.live_version is not None
    assert (flow.live_version.definition, flow.draft["holdout"]) == (before, 20)


def test_an_archived_flow_is_not_edited() -> None:
    flow = FlowFactory.create(draft={"said": 0}, state=Flow.State.ARCHIVED)
    with pytest.raises(versions.CannotPublish):
        say(flow, 1)
    with pytest.raises(versions.CannotPublish):
        history.undo(flow, now=NOON)
    assert said(flow) == 0
