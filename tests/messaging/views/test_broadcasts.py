"""The pages of broadcasts: writing, the last look, the button, progress, and who may do what."""

from datetime import timedelta

import pytest
from django.test import Client

from crm.models import Segment, User
from messaging.broadcasts import launch, totals
from messaging.channels.reasons import Reason
from messaging.models import Broadcast, ChannelSettings, Message, Price, ProviderState
from tests.crm.views.conftest import SignIn
from tests.factories.crm import NOON, CustomerFactory, UserFactory
from tests.factories.messaging import make_broadcast, make_people, make_template, topic
from tests.messaging.broadcasts.conftest import run, run_and_send

pytestmark = pytest.mark.django_db

LIST = "/messages/broadcasts/"
FORM = {
    "name": "Spring", "to": "rule", "rule": "{}", "topic": "after_sales", "channel": "sms", "timing": "now",
    "per_minute": "0", "expires_after": "24", "test_share": "0", "winner_by": "clicks", "winner_after": "4",
    "v1_body": "Hello {{ customer.first_name }}",
}  # fmt: skip


def page(broadcast: Broadcast, more: str = "") -> str:
    return f"{LIST}{broadcast.public_id}/{more}"


def under_way(**fields) -> Broadcast:
    broadcast = make_broadcast(**fields)
    launch.send_broadcast(broadcast, actor=UserFactory(), now=NOON)
    run(NOON)
    broadcast.refresh_from_db()
    return broadcast


@pytest.fixture
def marketer(sign_in: SignIn) -> Client:
    return sign_in(User.Role.MARKETER)


# --- Writing ------------------------------------------------------------------------------------------


def test_a_draft_is_written_and_looked_over(marketer: Client):
    make_people(2)
    answer = marketer.post(f"{LIST}new/", FORM)

    broadcast = Broadcast.objects.get()
    assert answer["Location"] == page(broadcast, "review/")
    assert (broadcast.state, broadcast.rule, broadcast.created_by) == ("draft", {}, User.objects.get())
    assert [(text.number, text.body) for text in broadcast.variants.all()] == [(1, "Hello {{ customer.first_name }}")]
    shown = marketer.get(page(broadcast, "review/")).content.decode()
    assert "Send to 2 people" in shown


def test_a_segment_is_an_audience(marketer: Client):
    Segment.objects.create(slug="thai", name="Thai", rule={})

    marketer.post(f"{LIST}new/", {**FORM, "to": "segment", "segment": "thai"})

    assert Broadcast.objects.get().rule == {"segment": "thai"}


def test_a_draft_is_changed_and_its_form_shows_it(marketer: Client):
    make_template("spring", en="Spring!")
    marketer.post(f"{LIST}new/", {**FORM, "v2_template": "spring", "v2_weight": "3", "per_minute": "60"})
    broadcast = Broadcast.objects.get()

    form = marketer.get(page(broadcast, "edit/")).context["form"]
    assert (form["v2_template"].value(), form["v2_weight"].value(), form["per_minute"].value()) == ("spring", 3, 60)
    marketer.post(page(broadcast, "edit/"), {**FORM, "name": "Summer"})

    broadcast.refresh_from_db()
    assert (broadcast.name, broadcast.per_minute, broadcast.variants.count()) == ("Summer", 0, 1)


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"name": ""}, "name"),
        ({"to": "segment"}, "segment"),
        ({"rule": '{"field": {"name": "shoe"}}'}, "rule"),
        ({"rule": "no json"}, "rule"),
        ({"topic": "fishing"}, "topic"),
        ({"channel": "pigeon"}, "channel"),
        ({"fallback": ["sms"]}, "fallback"),
        ({"expires_after": "0"}, "expires_after"),
        ({"test_share": "91"}, "test_share"),
        ({"v1_body": "Hello {{ customer.api_key }}"}, "v1_body"),
        ({"v1_body": "", "v3_body": "{% if %}"}, "v3_body"),
        ({"v1_weight": "101"}, "v1_weight"),
        ({"timing": "at", "starts_at": "tomorrow"}, "starts_at"),
    ],
)
def test_what_cannot_be_is_refused_beside_its_field(marketer: Client, sent: dict, field: str):
    answer = marketer.post(f"{LIST}new/", {**FORM, **sent})

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert Broadcast.objects.count() == 0


def test_faults_of_the_rule_are_shown_in_the_builder(marketer: Client):
    answer = marketer.post(f"{LIST}new/", {**FORM, "rule": '{"all": [{"segment": "gone"}]}'})

    assert [fault.path for fault in answer.context["builder"]["faults"]] == ["all[0].segment"]


def test_what_has_started_cannot_be_edited(marketer: Client):
    make_people(1)
    broadcast = under_way()

    answer = marketer.post(page(broadcast, "edit/"), FORM)

    assert answer["Location"] == page(broadcast)
    assert broadcast.variants.get().body == "Hello"


# --- The last look --------------------------------------------------------------------------------------


def test_the_review_says_who_is_left_out_what_it_costs_and_how_it_reads(manager: Client):
    Price.objects.update_or_create(channel="sms", country="", defaults={"micros": 500_000})
    CustomerFactory(name="Ann Lee")
    CustomerFactory(phone="")

    answer = manager.get(page(make_broadcast("Hello {{ customer.first_name }}"), "review/"))

    outlook = answer.context["outlook"]
    assert (outlook.people, outlook.sendable, outlook.excluded) == (2, 1, {Reason.UNREACHABLE: 1})
    assert answer.context["cost"] == "0.50 THB"
    assert "Hello Ann" in answer.content.decode()
    assert "Send to 2 people? This cannot be undone." in answer.content.decode()


def test_the_review_names_what_stands_in_the_way_and_shows_no_button(manager: Client):
    shown = manager.get(page(make_broadcast("", rule={"segment": "gone"}), "review/")).content.decode()

    assert "there is no segment “gone”" in shown
    assert "The text is empty." in shown
    assert "/send/" not in shown


def test_a_test_goes_to_whoever_writes_it(manager: Client):
    broadcast = make_broadcast("Hello {{ customer.first_name }}", topic=topic("promotions"))

    answer = manager.post(page(broadcast, "test/"), {"test-number": "1", "test-address": "081 234 5678"})

    message = Message.objects.get()
    assert answer["Location"] == message.get_absolute_url()
    assert (message.address, message.source_body) == ("+66812345678", "Hello {{ customer.first_name }}")
    assert (message.cause["kind"], message.is_answer, message.topic.is_marketing) == ("test", True, False)
    assert broadcast.recipients.count() == 0


def test_a_test_to_no_number_is_refused(manager: Client):
    answer = manager.post(page(make_broadcast(), "test/"), {"test-number": "1", "test-address": "12"})

    assert answer.status_code == 422
    assert Message.objects.count() == 0


# --- The button -----------------------------------------------------------------------------------------


def test_the_button_sends_it(manager: Client):
    make_people(2)
    broadcast = make_broadcast()

    answer = manager.post(page(broadcast, "send/"), follow=True)

    assert "It goes to 2 people." in answer.content.decode()
    broadcast.refresh_from_db()
    assert broadcast.state == "scheduled"


def test_a_marketer_asks_and_a_manager_approves(marketer: Client, sign_in: SignIn, monkeypatch):
    monkeypatch.setattr(launch, "ALONE", 1)
    make_people(2)
    broadcast = make_broadcast()
    assert "Ask for approval" in marketer.get(page(broadcast, "review/")).content.decode()
    marketer.post(page(broadcast, "send/"))
    broadcast.refresh_from_db()
    assert broadcast.awaits_approval
    assert marketer.post(page(broadcast, "approve/")).status_code == 403

    manager = sign_in(User.Role.MANAGER)
    assert "Approve: send to 2 people" in manager.get(page(broadcast, "review/")).content.decode()
    manager.post(page(broadcast, "approve/"))

    broadcast.refresh_from_db()
    assert broadcast.state == "scheduled"


def test_what_was_changed_since_somebody_looked_at_it_does_not_go(manager: Client):
    make_people(2)
    broadcast = make_broadcast()
    seen = broadcast.updated_at.isoformat()
    assert f'name="as_of" value="{seen}"' in manager.get(page(broadcast, "review/")).content.decode()
    Broadcast.objects.filter(pk=broadcast.pk).update(updated_at=broadcast.updated_at + timedelta(seconds=1))

    answer = manager.post(page(broadcast, "send/"), {"as_of": seen}, follow=True)

    assert "It was changed since you looked at it." in answer.content.decode()
    broadcast.refresh_from_db()
    assert broadcast.state == "draft"


def test_a_button_that_is_pressed_too_late_says_so(manager: Client):
    make_people(1)
    broadcast = under_way()

    answer = manager.post(page(broadcast, "send/"), follow=True)

    assert "that does not allow this" in answer.content.decode()


def test_with_something_in_the_way_it_says_what(manager: Client):
    answer = manager.post(page(make_broadcast(""), "send/"), follow=True)

    assert "Something stands in the way" in answer.content.decode()


def test_there_is_no_other_change(manager: Client):
    assert manager.post(page(make_broadcast(), "explode/")).status_code == 404


@pytest.mark.parametrize("change", ["send", "approve", "recall", "pause", "resume", "cancel", "copy", "delete"])
@pytest.mark.parametrize("role", [User.Role.SALES, User.Role.SUPPORT, User.Role.VIEWER])
def test_who_may_not_send_changes_nothing(sign_in: SignIn, role: User.Role, change: str):
    broadcast = make_broadcast()

    assert sign_in(role).post(page(broadcast, f"{change}/")).status_code == 403
    assert Broadcast.objects.get().state == "draft"


def test_a_marketer_stops_only_their_own(marketer: Client):
    make_people(1)
    of_others = under_way()
    own = under_way(number=2, created_by=User.objects.get(role=User.Role.MARKETER))

    assert marketer.post(page(of_others, "pause/")).status_code == 403
    marketer.post(page(own, "pause/"))

    own.refresh_from_db()
    of_others.refresh_from_db()
    assert (own.state, of_others.state) == ("paused", "sending")


def test_pause_go_on_and_cancel(manager: Client):
    make_people(1)
    broadcast = under_way()
    for change, state in [("pause", "paused"), ("resume", "sending"), ("cancel", "cancelled")]:
        manager.post(page(broadcast, f"{change}/"))
        broadcast.refresh_from_db()
        assert broadcast.state == state
    assert Message.objects.get().state == "cancelled"


def test_copy_and_delete(manager: Client):
    broadcast = make_broadcast("One", "Two", weights=(2, 1))

    manager.post(page(broadcast, "copy/"))
    manager.post(page(broadcast, "delete/"))

    copy = Broadcast.objects.get()
    assert (copy.name, copy.state) == ("Copy of Spring", "draft")
    assert list(copy.variants.values_list("number", "weight", "body")) == [(1, 2, "One"), (2, 1, "Two")]


# --- Results ----------------------------------------------------------------------------------------------


def test_the_page_counts_what_became_of_it_and_opens_what_is_behind(manager: Client):
    people = make_people(3)
    people[2].phone = ""
    people[2].save()
    broadcast = under_way()
    run_and_send(NOON)

    answer = manager.get(page(broadcast))

    total = answer.context["total"]
    assert (total.people, total.counts["delivered"], total.counts["withheld"], total.percent) == (3, 2, 1, 100)
    assert answer.context["reasons"] == [("withheld", "unreachable", Reason.UNREACHABLE.label, 1)]
    behind = manager.get(page(broadcast, "behind/?key=withheld&reason=unreachable"))
    assert [message.customer for message in behind.context["page"].rows] == [people[2]]
    assert manager.get(page(broadcast, "behind/?key=delivered")).context["total"] == 2


def test_results_name_templates_and_what_it_cost(manager: Client):
    Price.objects.create(channel="sms", micros=349_000)
    template = make_template("tea", en="Tea")
    make_people(2)
    broadcast = under_way()
    assert manager.get(page(broadcast)).context["cost"] == ""  # nothing has left
    broadcast.variants.update(template="tea", body="")
    run_and_send(NOON)

    answer = manager.get(page(broadcast))

    assert answer.context["cost"] == "0.70 THB"
    assert f'<a href="{template.get_absolute_url()}">{template.name}</a>' in answer.content.decode()


def test_while_it_is_under_way_the_page_says_that_its_provider_fails(manager: Client):
    make_people(1)
    Segment.objects.create(slug="all", name="All of them", rule={})
    broadcast = under_way(rule={"segment": "all"})
    sms = ChannelSettings.objects.get(channel="sms")
    ProviderState.objects.create(channel=sms, breaker=ProviderState.Breaker.OPEN, last_error="no connection")

    shown = manager.get(page(broadcast)).content.decode()

    assert "SMS: the provider fails" in shown
    assert "All of them</a>" in shown  # a name, not a slug
    launch.cancel_broadcast(broadcast, now=NOON)
    assert "SMS: the provider fails" not in manager.get(page(broadcast)).content.decode()


def test_a_number_there_is_not_is_refused(manager: Client):
    broadcast = make_broadcast()
    for query in ("key=eaten", "variant=9", "key=sent&variant=x"):
        assert manager.get(page(broadcast, f"behind/?{query}")).status_code == 400


def test_while_it_goes_out_the_page_asks_for_its_progress(manager: Client, htmx: dict):
    make_people(1)
    broadcast = under_way()

    assert 'hx-trigger="every 3s"' in manager.get(page(broadcast)).content.decode()
    fragment = manager.get(page(broadcast), headers={"HX-Request": "true", "HX-Target": "progress"}).content.decode()
    assert fragment.lstrip().startswith('<div id="progress"')
    run_and_send(NOON)
    assert "every 3s" not in manager.get(page(broadcast)).content.decode()


def test_the_table_can_be_taken_along(manager: Client):
    make_people(2)
    broadcast = under_way()
    run_and_send(NOON)

    answer = manager.get(page(broadcast, "?as=csv"))

    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    lines = answer.content.decode("utf-8-sig").splitlines()
    assert lines[0].startswith("variant,people,waiting,queued,sent,delivered")
    assert lines[1].startswith("A,2,0,0,0,2")


def test_a_person_chooses_the_winner(manager: Client):
    make_people(20)
    broadcast = make_broadcast("One", "Two", test_share=50, winner_by="person")
    launch.send_broadcast(broadcast, actor=UserFactory(), now=NOON)
    run_and_send(NOON)
    assert "The rest waits for somebody to decide." in manager.get(page(broadcast)).content.decode()

    manager.post(page(broadcast, "winner/"), {"number": "2"})
    for nobody in ("x", "9" * 5_000):
        assert manager.post(page(broadcast, "winner/"), {"number": nobody})["Location"] == page(broadcast)

    broadcast.refresh_from_db()
    assert broadcast.winner == 2


def test_the_list_shows_what_was_counted_in_a_fixed_number_of_queries(manager: Client, django_assert_max_num_queries):
    make_people(2)
    for number in range(1, 6):
        under_way(number=number)
    totals.count_due(now=NOON)
    with django_assert_max_num_queries(12):
        answer = manager.get(LIST)
    assert [found.people for found in answer.context["totals"].values()] == [2] * 5
    assert manager.get(f"{LIST}?state=done").context["page"].rows == []
    assert manager.get(f"{LIST}?state=odd").status_code == 400


def test_list_and_page_agree_on_what_came_of_it(manager: Client):
    make_people(9)
    broadcast = under_way()
    messages = list(Message.objects.order_by("pk"))
    for state, some in (("delivered", messages[:4]), ("failed", messages[4:6]), ("withheld", messages[6:7])):
        Message.objects.filter(pk__in=[message.pk for message in some]).update(state=state)
    Message.objects.filter(pk=messages[0].pk).update(clicked_at=NOON)
    totals.count_due(now=NOON)

    kept = manager.get(LIST).context["totals"][broadcast.pk]
    counted = manager.get(page(broadcast)).context["total"]

    assert (kept.counts, kept.clicked) == (counted.counts, counted.clicked)
    assert kept.counts == {"delivered": 4, "failed": 2, "withheld": 1, "queued": 2}
    assert kept.clicked == 1


def test_one_that_was_not_counted_yet_shows_no_numbers(manager: Client):
    make_people(1)
    under_way()

    answer = manager.get(LIST)

    assert answer.context["totals"] == {}
    assert "counted" not in answer.content.decode()


def test_an_empty_list_says_what_broadcasts_are_for(sign_in: SignIn):
    assert "No broadcast yet." in sign_in(User.Role.VIEWER).get(LIST).content.decode()
    assert sign_in(User.Role.SUPPORT).get(LIST).status_code == 403


def test_a_message_leads_to_its_broadcast_and_says_why_it_waits(manager: Client):
    make_people(1)
    broadcast = under_way()
    launch.pause_broadcast(broadcast, now=NOON)
    message = Message.objects.get()

    shown = manager.get(message.get_absolute_url()).content.decode()

    assert page(broadcast) in shown
    assert "Its broadcast is paused" in shown
    assert "9999" not in shown + manager.get("/messages/").content.decode()
    assert "9999" not in manager.get(message.customer.get_absolute_url()).content.decode()
