"""Trying a flow on one customer, and the tests that staff keep of it."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.test import Client
from django.urls import reverse

from crm.models import Customer, Shop
from journeys.models import Flow, FlowTest
from tests.crm.views.conftest import SignIn
from tests.factories.crm import CustomerFactory, UserFactory
from tests.factories.journeys import FlowFactory, live_flow
from tests.factories.messaging import opt_in
from tests.journeys.flows.worlds import branch, send, wait, wait_event

pytestmark = pytest.mark.django_db

WORKDAYS = {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "19:00"}
STEPS = [
    wait("settle", "P7D", window=WORKDAYS),
    send("ask", body="Hi {{ customer.first_name }}, how is order {{ event.order_id }}?"),
    wait_event("answer", "Product Reviewed", "P5D", then=[send("thank", body="Thanks")], **{"else": []}),
]
# What the form sends for somebody made up; a Saturday a week after 2026-02-28 is 2026-03-07.
SAID: dict[str, Any] = {
    "who": "made_up", "name": "Ploy Jaidee", "time_zone": "Asia/Bangkok", "phone": "081 234 5678",
    "consent-sms-after_sales": "in", "start": "2026-02-28T10:00", "until": "2026-03-31T10:00",
    "property-0-name": "order_id", "property-0-value": "A-1", "quiet": "shop", "caps": "shop",
}  # fmt: skip


@pytest.fixture
def flow() -> Flow:
    return FlowFactory.create(slug="ask", name="Ask", draft={"trigger": {"event": "Order Delivered"}, "steps": STEPS})


def url(name: str, *args: object) -> str:
    return reverse(f"journeys:{name}", args=["ask", *args])


def play(client: Client, **more: Any) -> Any:
    return client.post(url("simulation"), {**SAID, **more})


def lines(response: Any) -> list[str]:
    return [f"{it.at:%a %d %H:%M} {it.step or '-'} {it.what}" for it in response.context["played"].moments]


class TestSimulate:
    def test_the_form_begins_with_somebody_who_can_be_reached(self, manager: Client, flow: Flow) -> None:
        response = manager.get(url("simulation"))

        form = response.context["editor"].form
        assert form["who"].value() == "made_up"
        assert form["consent-sms-after_sales"].value() == "in"
        assert "played" not in response.context

    def test_a_weekend_is_waited_out_on_the_customers_clock(self, manager: Client, flow: Flow) -> None:
        response = play(manager)

        assert lines(response) == [
            "Sat 28 10:00 - entered", "Sat 28 10:00 settle waiting", "Mon 09 09:00 settle woken",
            "Mon 09 09:00 ask sent", "Mon 09 09:00 answer waiting", "Sat 14 09:00 answer timed_out",
            "Sat 14 09:00 - completed",
        ]  # fmt: skip
        body = response.content.decode()
        assert "Hi Ploy, how is order A-1?" in body
        assert "until Mon 9 Mar, 09:00" in body

    def test_the_shops_clock_stands_beside_it_where_it_shows_another_time(self, manager: Client, flow: Flow) -> None:
        here = play(manager).context["played"].moments[0]
        response = play(manager, time_zone="Europe/Berlin")
        abroad = response.context["played"].moments[0]

        assert here.shop_at is None
        assert (f"{abroad.at:%H:%M}", f"{abroad.shop_at:%H:%M}") == ("10:00", "16:00")
        body = response.content.decode()
        assert '<time datetime="2026-02-28T09:00:00+00:00">10:00</time>' in body
        assert ">Sat 16:00 <" in body

    def test_what_happens_on_the_way_counts(self, manager: Client, flow: Flow) -> None:
        event = {
            "event-0-event": "Product Reviewed",
            "event-0-at": "2026-03-10T12:00",
            "event-0-properties": "rating = 5",
        }
        assert lines(play(manager, **event))[-2:] == ["Tue 10 12:00 thank sent", "Tue 10 12:00 - completed"]

        withdrawn = {
            "consents-0-state": "out", "consents-0-topic": "after_sales", "consents-0-channel": "sms",
            "consents-0-at": "2026-03-01T10:00",
        }  # fmt: skip
        assert lines(play(manager, **withdrawn))[-1] == "Sun 01 10:00 settle exited"

    def test_a_message_that_does_not_go_out_says_why(self, manager: Client, flow: Flow) -> None:
        response = play(manager, phone="")

        withheld = next(it for it in response.context["played"].moments if it.what == "withheld")
        assert withheld.step == "ask"
        assert "We have no address for this channel" in response.content.decode()

    def test_quiet_hours_and_limits_of_the_occasion_hold(self, manager: Client, flow: Flow) -> None:
        quiet = {
            "quiet": "own", "window-0-channel": "sms", "window-0-starts": "08:00", "window-0-ends": "12:00",
            "window-0-all": "on",
        }  # fmt: skip
        assert "Mon 09 09:00 ask held" in lines(play(manager, **quiet))
        assert "Mon 09 12:00 ask sent" in lines(play(manager, **quiet))

    def test_a_branch_shows_what_decided(self, manager: Client, flow: Flow) -> None:
        rule = {"all": [{"attribute": {"name": "tier", "op": "eq", "value": "gold"}}, {"tag": "vip"}]}
        step = branch("who", "vip", [send("gold")], **{"else": [send("plain")]})
        step["paths"][0]["if"] = rule
        flow.draft["steps"] = [step]
        flow.save()

        moment = play(manager, **{"attribute-0-name": "tier", "attribute-0-value": "gold"}).context["played"].moments[1]

        (way, other) = moment.ways
        assert (way.name, way.is_taken, other.is_taken) == ("vip", False, True)
        assert [(it.text, it.holds, it.value) for it in way.conditions] == [
            ("tier is gold", True, "gold"), ("tagged “vip”", False, "none"),
        ]  # fmt: skip

    def test_a_customer_is_found_chosen_and_played_with_what_is_theirs(self, manager: Client, flow: Flow) -> None:
        customer = CustomerFactory.create(name="Somsri Sukjai", phone="+66812223333", time_zone="Asia/Bangkok")
        opt_in(customer, "after_sales")

        found = play(manager, who="real", q="somsri", find="1")
        assert found.context["editor"].matches == [customer]
        assert "played" not in found.context
        played = play(manager, who="real", customer=str(customer.public_id))

        assert "Hi Somsri, how is order A-1?" in played.content.decode()
        assert manager.get(f"{url('simulation')}?customer={customer.public_id}").context["editor"].customer == customer

    def test_whom_the_reader_may_not_see_is_not_found(self, manager: Client, flow: Flow) -> None:
        CustomerFactory.create(name="Somsri", merged_into=CustomerFactory.create())
        assert play(manager, who="real", q="somsri", find="1").context["editor"].matches == []
        response = play(manager, who="real", customer="00000000-0000-4000-8000-000000000000")
        assert response.status_code == 422

    def test_nothing_is_written(self, manager: Client, flow: Flow) -> None:
        customer = CustomerFactory.create(name="Somsri", phone="+66812223333")
        Shop.current()
        before = {model: model._default_manager.count() for model in apps.get_models()}
        stamp = Flow.objects.values().get()

        play(manager)
        play(manager, who="real", customer=str(customer.public_id))

        after = {model: model._default_manager.count() for model in apps.get_models()}
        assert {model.__name__: (before[model], n) for model, n in after.items() if before[model] != n} == {}
        assert Flow.objects.values().get() == stamp

    def test_lines_come_and_go_without_a_script(self, manager: Client, flow: Flow) -> None:
        more = play(manager, more="event", **{"event-0-event": "Product Viewed"})
        assert [line["event"].value() for line in more.context["editor"].events.forms] == ["Product Viewed", None]
        assert "played" not in more.context

        two = {"event-0-event": "Product Viewed", "event-1-event": "Product Added"}
        less = play(manager, drop="event-0", **two)
        assert [line["event"].value() for line in less.context["editor"].events.forms] == ["Product Added"]

    @pytest.mark.parametrize(
        ("said", "message"),
        [
            ({"phone": "12"}, "This is not a phone number."),
            ({"start": ""}, "This field is required."),
            ({"start": "soon"}, "A day and a time, please"),
            ({"until": "2026-02-01T10:00"}, "It lies before the beginning"),
            ({"until": "2036-02-01T10:00"}, "more than five years after it"),
            ({"time_zone": "Mars/Olympus"}, "Select a valid choice"),
            ({"event-0-event": "Product Viewed"}, "When?"),
            ({"event-0-at": "2026-03-01T10:00"}, "This field is required."),
            ({"event-0-event": "X", "event-0-at": "2026-03-01T10:00", "event-0-properties": "5"}, "this is none: 5"),
            ({"property-0-name": "", "property-0-value": "5"}, "Which one?"),
            ({"who": "real"}, "Which customer?"),
            ({"window-0-channel": "sms", "quiet": "own"}, "From when to when?"),
        ],
    )
    def test_what_is_wrong_is_said_at_its_field(
        self, manager: Client, flow: Flow, said: dict[str, str], message: str
    ) -> None:
        response = play(manager, **said)
        assert response.status_code == 422
        assert message in response.content.decode()
        assert "played" not in response.context

    def test_a_draft_with_faults_names_them_instead(self, manager: Client, flow: Flow) -> None:
        Flow.objects.update(draft={"trigger": {"manual": True}, "steps": [{"id": "one", "type": "dance"}]})
        body = manager.get(url("simulation")).content.decode()
        assert "The draft has faults; it can be tried when they are mended:" in body

    def test_the_live_version_is_played_when_the_address_says_so(self, manager: Client) -> None:
        live = live_flow(send("ask", body="Live"), trigger={"event": "Order Delivered"})
        Flow.objects.update(slug="ask", draft={**live.draft, "steps": [send("ask", body="Draft")]})

        assert "Draft" in play(manager).content.decode()
        body = manager.post(f"{url('simulation')}?version=live", SAID).content.decode()
        assert "Live" in body
        assert "Keep as a test" not in body
        assert manager.get(f"{url('simulation')}?version=old").status_code == 404

    def test_a_flow_started_by_hand_needs_no_event(self, manager: Client, flow: Flow) -> None:
        Flow.objects.update(draft={"trigger": {"manual": True}, "steps": [send("ask", body="Hello")]})
        assert lines(play(manager))[:2] == ["Sat 28 10:00 - entered", "Sat 28 10:00 ask sent"]


class TestKeep:
    def test_what_came_of_it_is_kept_and_must_pass_before_publishing(self, manager: Client, flow: Flow) -> None:
        response = play(manager, keep="1", test_name="Across a weekend", texts="on")
        assert response.status_code == 302
        test = FlowTest.objects.get()
        assert test.expected[2]["body"] == "Hi Ploy, how is order A-1?"
        assert test.created_by is not None

        Flow.objects.update(draft={**flow.draft, "steps": [wait("settle", "P7D"), *STEPS[1:]]})
        page = manager.get(url("flow_publish")).content.decode()
        assert "The test “Across a weekend” fails" in page
        refused = manager.post(url("flow_publish"), follow=True).content.decode()
        assert "The test “Across a weekend” fails" in refused
        assert Flow.objects.get().state == "draft"

        Flow.objects.update(draft=flow.draft)
        assert "Version 1 is live." in manager.post(url("flow_publish"), follow=True).content.decode()

    def test_a_test_is_opened_edited_and_keeps_its_place(self, manager: Client, flow: Flow) -> None:
        play(manager, keep="1", test_name="One", texts="on", **{
            "event-0-event": "Product Reviewed", "event-0-at": "2026-03-10T12:00", "event-0-properties": "rating = 5",
            "change-0-name": "tier", "change-0-value": "gold", "change-0-at": "2026-03-02T12:00",
            "caps": "own", "cap-0-limit": "2", "cap-0-per": "day",
        })  # fmt: skip
        test = FlowTest.objects.get()
        address = f"{url('simulation')}?test={test.pk}"

        editor = manager.get(address).context["editor"]
        event = editor.events.forms[0]
        assert (event["event"].value(), f"{event['at'].value():%d %H:%M}") == ("Product Reviewed", "10 12:00")
        assert editor.form["start"].value().isoformat() == "2026-02-28T10:00:00"
        assert (editor.form["caps"].value(), editor.caps.forms[0]["limit"].value()) == ("own", 2)
        assert (editor.changes.forms[0]["name"].value(), editor.properties.forms[0]["value"].value()) == ("tier", "A-1")

        manager.post(address, {**SAID, "keep": "1", "test_name": "Renamed"})
        test.refresh_from_db()
        assert (test.name, FlowTest.objects.count()) == ("Renamed", 1)
        assert "body" not in test.expected[2]

    def test_a_name_that_is_taken_is_said_so(self, manager: Client, flow: Flow) -> None:
        play(manager, keep="1", test_name="One")
        response = play(manager, keep="1", test_name="One")
        assert response.status_code == 422
        assert "Another test of this flow has this name." in response.content.decode()

    def test_somebody_real_makes_no_test(self, manager: Client, flow: Flow) -> None:
        customer = CustomerFactory.create(phone="+66812223333")
        response = play(manager, who="real", customer=str(customer.public_id), keep="1", test_name="One")
        assert response.status_code == 422
        assert not FlowTest.objects.exists()

    def test_who_may_only_look_plays_and_keeps_nothing(self, sign_in: SignIn, flow: Flow) -> None:
        viewer = sign_in("viewer")
        page = play(viewer)
        assert page.status_code == 200
        assert "Keep it as a test" not in page.content.decode()
        assert play(viewer, keep="1", test_name="One").status_code == 403
        assert sign_in("support").get(url("simulation")).status_code == 403


class TestTheList:
    def test_none_yet_is_a_page_too(self, manager: Client, flow: Flow) -> None:
        assert "No test yet." in manager.get(url("flow_tests")).content.decode()

    def test_they_are_run_and_what_differs_is_told(self, manager: Client, flow: Flow) -> None:
        play(manager, keep="1", test_name="One")
        kept = manager.get(url("flow_tests")).content.decode()
        assert "passes" in kept
        assert "not tried with this draft" not in kept
        assert "All tests pass." in manager.post(url("flow_tests_run"), follow=True).content.decode()

        Flow.objects.update(draft={**flow.draft, "steps": [wait("settle", "P8D", window=WORKDAYS), *STEPS[1:2]]})
        assert "not tried with this draft" in manager.get(url("flow_tests")).content.decode()
        page = manager.post(url("flow_tests_run"), follow=True).content.decode()
        assert "1 of 1 tests fail." in page
        assert "1 test fails: the flow cannot be published." in page
        assert "expected, but it did not happen: Sat 14 Mar, 09:00" in page

        test = FlowTest.objects.get()
        manager.post(url("flow_test_accept", test.pk))
        assert "passes" in manager.get(url("flow_tests")).content.decode()
        manager.post(url("flow_test_delete", test.pk))
        assert not FlowTest.objects.exists()

    def test_only_who_drafts_flows_changes_them(self, sign_in: SignIn, manager: Client, flow: Flow) -> None:
        play(manager, keep="1", test_name="One")
        number = FlowTest.objects.get().pk
        viewer = sign_in("viewer")
        assert viewer.get(url("flow_tests")).status_code == 200
        for address in (url("flow_tests_run"), url("flow_test_accept", number), url("flow_test_delete", number)):
            assert viewer.post(address).status_code == 403
        assert FlowTest.objects.exists()


def test_a_copy_of_a_flow_has_no_tests(manager: Client, flow: Flow) -> None:
    play(manager, keep="1", test_name="One")
    manager.post(reverse("journeys:flow_copy", args=["ask"]))
    assert Flow.objects.count() == 2
    assert [test.flow_id for test in FlowTest.objects.all()] == [flow.pk]
    assert (Customer.objects.count(), UserFactory._meta.model.objects.count()) == (0, 1)
