from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from crm.models import User
from journeys.flows import runner, versions
from journeys.models import Enrolment, Flow
from tests.crm.views.conftest import SignIn
from tests.factories.crm import NOON, CustomerFactory, later
from tests.factories.journeys import PAUSE, EnrolmentFactory, FlowFactory, live_flow

pytestmark = pytest.mark.django_db
LIST = "/journeys/flows/"
BROKEN = {"trigger": {"manual": True}, "steps": [{"id": "one", "type": "dance"}]}


def act(client: Client, flow: Flow, verb: str):  # type: ignore[no-untyped-def]
    return client.post(reverse(f"journeys:flow_{verb}", args=[flow.slug]), follow=True)


def test_the_list_tells_what_starts_each_flow_and_what_it_did(manager: Client) -> None:
    live = live_flow(PAUSE, trigger={"event": "Order Delivered"})
    FlowFactory(name="A draft")
    EnrolmentFactory(flow=live)
    rows = manager.get(LIST).context["rows"]
    assert [(row["flow"].state, row["trigger"], row["count"].entered) for row in rows] == [
        ("live", "Order delivered", 1),
        ("draft", "Started by hand", 0),
    ]


def test_the_list_leads_to_the_reports_of_the_first_journey(manager: Client) -> None:
    page = manager.get(LIST).content.decode()
    assert all(f'href="/journeys/map/five-stage/{report}/"' in page for report in ("board", "funnel", "cohorts"))


def test_no_flow_yet_and_one_that_cannot_be_read_are_pages_too(manager: Client) -> None:
    assert "No flow yet" in manager.get(LIST).content.decode()
    flow = FlowFactory(draft=BROKEN)
    assert "cannot be read" in manager.get(LIST).content.decode()
    page = manager.get(f"{LIST}{flow.slug}/").content.decode()
    assert "The draft cannot be published yet:" in page
    assert "The definition cannot be read" in page


def test_a_flow_is_read_as_cards_with_counters(manager: Client) -> None:
    flow = live_flow(PAUSE, {"id": "done", "type": "exit", "reason": "enough"})
    EnrolmentFactory(flow=flow, step="pause")
    response = manager.get(f"{LIST}{flow.slug}/")
    assert [card.title for card in response.context["outline"].cards] == ["Wait 1 day", "Leave the flow"]
    assert response.context["steps"]["pause"].waiting == 1
    assert f'href="{LIST}{flow.slug}/results/behind/?step=pause&amp;at=waiting"' in response.content.decode()
    assert manager.get(f"{LIST}lost/").status_code == 404


def test_the_page_asks_again_for_its_counters_alone(manager: Client, htmx: Callable[[str], dict[str, str]]) -> None:
    flow = live_flow(PAUSE)
    url = f"{LIST}{flow.slug}/"
    assert 'id="counts-pause" hidden' in manager.get(url).content.decode()
    EnrolmentFactory(flow=flow, step="pause")
    body = manager.get(url, headers=htmx("counts")).content.decode()
    assert body.strip().startswith('<ul class="step-counts" id="counts-pause" hx-swap-oob="true">')
    assert "<b>1</b> waiting" in body


class TestTheButtons:
    def test_a_draft_is_published_paused_and_resumed(self, manager: Client) -> None:
        flow = FlowFactory()
        assert "Version 1 is live." in act(manager, flow, "publish").content.decode()
        run = EnrolmentFactory(flow=Flow.objects.get())
        act(manager, flow, "pause")
        run.refresh_from_db()
        assert (Flow.objects.get().state, run.is_paused) == ("paused", True)
        assert "is not live" in act(manager, flow, "pause").content.decode()
        act(manager, flow, "resume")
        run.refresh_from_db()
        assert (Flow.objects.get().state, run.is_paused) == ("live", False)
        assert "is not paused" in act(manager, flow, "resume").content.decode()

    def test_resuming_shows_the_backlog_and_what_would_become_of_it(self, manager: Client) -> None:
        flow, now = live_flow(PAUSE), timezone.now()
        for days in (0.02, 2, 5, 9, -1):
            EnrolmentFactory.create(flow=flow, is_paused=True, due_at=now - timedelta(days=days))
        versions.pause(flow, now=now)
        url = f"{LIST}{flow.slug}/resume/"
        page = manager.get(url)
        assert [number for _age, number in page.context["backlog"]] == [1, 0, 1, 1, 1, 4]
        assert "<b>4</b> go on at once" in page.content.decode()
        asked = {"skip_older_than_n": "7", "skip_older_than_unit": "days", "per_minute": "1"}
        body = manager.get(url, asked).content.decode()
        for said in ("<b>1</b> leaves the flow", "<b>1</b> goes on at once", "<b>2</b> go on later, the last at"):
            assert said in body
        assert Flow.objects.get().state == "paused"
        assert manager.post(url, asked).status_code == 302
        assert Flow.objects.get().state == "live"
        runs = Enrolment.objects.filter(flow=flow)
        assert (runs.filter(state="exited").count(), runs.filter(release_at__isnull=False).count()) == (1, 2)

    @pytest.mark.parametrize(
        "asked", [{"per_minute": "0"}, {"per_minute": "x"}, {"skip_older_than_n": "-1", "skip_older_than_unit": "days"}]
    )
    def test_a_pace_that_is_none_resumes_nothing(self, manager: Client, asked: dict[str, str]) -> None:
        flow = live_flow(PAUSE)
        versions.pause(flow, now=NOON)
        url = f"{LIST}{flow.slug}/resume/"
        assert "Put this right" in manager.get(url, asked).content.decode()
        assert manager.post(url, asked).status_code == 422
        assert Flow.objects.get().state == "paused"

    def test_a_draft_with_faults_names_them_and_stays_a_draft(self, manager: Client) -> None:
        flow = FlowFactory(draft=BROKEN)
        assert "It has faults" in act(manager, flow, "publish").content.decode()
        assert Flow.objects.get().state == "draft"

    def test_changes_are_published_as_the_next_version(self, manager: Client) -> None:
        flow = live_flow(PAUSE)
        Flow.objects.update(draft={"trigger": {"manual": True}, "steps": [{**PAUSE, "for": "P2D"}]})
        page = manager.get(f"{LIST}{flow.slug}/").content.decode()
        assert "The draft differs from the version that is live." in page
        assert "Wait 1 day" in page  # what is live is what is shown
        act(manager, flow, "publish")
        assert "Wait 2 days" in manager.get(f"{LIST}{flow.slug}/").content.decode()

    def test_each_role_has_its_own_buttons(self, sign_in: SignIn) -> None:
        flow = live_flow(PAUSE)
        marketer, viewer, sales = sign_in(User.Role.MARKETER), sign_in(User.Role.VIEWER), sign_in(User.Role.SALES)
        assert act(marketer, flow, "publish").status_code == 403
        assert "Pause" in marketer.get(f"{LIST}{flow.slug}/").content.decode()
        assert act(viewer, flow, "pause").status_code == 403
        assert "Pause" not in viewer.get(f"{LIST}{flow.slug}/").content.decode()
        assert sales.get(f"{LIST}{flow.slug}/").status_code == 403
        act(marketer, flow, "pause")
        assert Flow.objects.get().state == "paused"


class TestRuns:
    def test_they_are_listed_by_state_and_step(self, manager: Client, htmx: Callable[[str], dict[str, str]]) -> None:
        flow = live_flow(PAUSE)
        EnrolmentFactory(flow=flow, step="pause", customer=CustomerFactory(name="Waits"))
        EnrolmentFactory(
            flow=flow, step="pause", state="exited", stand="", due_at=None, ended_at=NOON, reason="Order Completed",
            customer=CustomerFactory(name="Left"),
        )  # fmt: skip
        url = f"{LIST}{flow.slug}/runs/"

        def names(query: str) -> list[str]:
            return sorted(run.customer.name for run in manager.get(url + query).context["page"].rows)

        assert names("") == ["Left", "Waits"]
        assert names("?state=active") == ["Waits"]
        assert names("?step=pause&state=exited") == ["Left"]
        assert manager.get(url + "?step=lost").status_code == 400
        rows = manager.get(url, headers=htmx("rows")).content.decode()
        assert "<html" not in rows
        assert "Wait 1 day" in rows  # the step by its title
        assert "Ordered" in rows  # why one left, by the event's label

    def test_one_is_told_step_by_step(self, manager: Client) -> None:
        flow = live_flow(PAUSE, {"id": "done", "type": "exit", "reason": "enough"})
        run = EnrolmentFactory(flow=flow, entered_at=NOON)
        runner.run_due(now=later(days=1), limit=10)
        runner.run_due(now=later(days=3), limit=10)
        page = manager.get(reverse("journeys:run_detail", args=[run.pk])).content.decode()
        assert "Wait 1 day" in page
        assert "waited" in page
        assert "enough" in page
        assert manager.get(reverse("journeys:run_detail", args=[run.pk + 1])).status_code == 404

    def test_whoever_sees_the_customer_may_know_of_it_and_is_led_nowhere_else(self, sign_in: SignIn) -> None:
        failed = {"state": "failed", "stand": "", "due_at": None, "ended_at": NOON, "error": "KeyError: x"}
        run = EnrolmentFactory(flow=live_flow(PAUSE), **failed)
        page = sign_in(User.Role.SALES).get(reverse("journeys:run_detail", args=[run.pk])).content.decode()
        assert run.flow.label in page
        assert "KeyError" not in page
        assert "/journeys/flows/" not in page

    def test_a_failed_one_shows_its_error_and_can_be_taken_up(self, manager: Client) -> None:
        flow = live_flow(PAUSE)
        run = EnrolmentFactory(
            flow=flow, state="failed", stand="", due_at=None, ended_at=NOON, step="pause",
            error="Traceback\nValueError: boom",
            memory={"resume": {"stand": "time", "due_at": NOON.isoformat(), "awaits": ""}},
        )  # fmt: skip
        url = reverse("journeys:run_detail", args=[run.pk])
        assert "ValueError: boom" in manager.get(url).content.decode()
        assert "ValueError: boom" in manager.get("/").content.decode()  # on Today, too
        manager.post(reverse("journeys:run_retry", args=[run.pk]))
        run.refresh_from_db()
        assert (run.state, run.error) == ("active", "")


class TestStartingByHand:
    def test_a_customer_is_put_into_a_live_flow(self, manager: Client, htmx: Callable[[str], dict[str, str]]) -> None:
        flow, customer = live_flow(PAUSE), CustomerFactory()
        url = reverse("journeys:enrol", args=[customer.public_id])
        assert flow.slug in manager.get(url, headers=htmx("enrol")).content.decode()
        assert "<html" in manager.get(url).content.decode()
        manager.post(url, {"flow": flow.slug})
        assert Enrolment.objects.get().customer == customer
        page = manager.get(customer.get_absolute_url()).content.decode()
        assert f"Flow “{flow.name}” goes on" in page
        assert "Next: Wait 1 day" in page

    def test_who_may_not_enter_is_told_so(self, manager: Client) -> None:
        flow, customer = live_flow(PAUSE, audience={"tag": "vip"}), CustomerFactory()
        url = reverse("journeys:enrol", args=[customer.public_id])
        assert "does not take" in manager.post(url, {"flow": flow.slug}, follow=True).content.decode()
        assert not Enrolment.objects.exists()

    def test_a_flow_that_is_not_live_takes_nobody_in(self, manager: Client) -> None:
        customer, draft = CustomerFactory(), FlowFactory()
        url = reverse("journeys:enrol", args=[customer.public_id])
        assert (
            "Only a live flow takes people in." in manager.post(url, {"flow": draft.slug}, follow=True).content.decode()
        )
        assert manager.post(url, {"flow": "lost"}).status_code == 404


@pytest.mark.parametrize(
    ("rests", "said"),
    [
        ({"stand": "start"}, "is about to begin this step"),
        ({"stand": "time"}, "goes on"),
        ({"stand": "event", "awaits": "Order Completed"}, "waits for: Ordered"),
        ({"stand": "rule"}, "waits until something is true"),
        ({"stand": "time", "is_paused": True}, "paused with the flow"),
        ({"stand": "time", "is_paused": True, "release_at": NOON}, "let go after the pause"),
        (
            {"state": "failed", "stand": "", "due_at": None, "ended_at": NOON, "error": "Trace\nKeyError: x"},
            "KeyError: x",
        ),
        ({"state": "exited", "stand": "", "due_at": None, "ended_at": NOON, "reason": "no date"}, "no date"),
    ],
)
def test_each_run_says_what_it_rests_on(manager: Client, rests: dict[str, Any], said: str) -> None:
    run = EnrolmentFactory.create(**rests)
    for url in (f"/journeys/flows/{run.flow.slug}/runs/", f"/journeys/runs/{run.pk}/"):
        assert said in manager.get(url).content.decode()
