"""A trial: some draw a variant, the rest waits for the best of them, and the best is found once."""

from datetime import timedelta

import pytest

from crm.models import Event
from messaging.broadcasts import launch, work
from messaging.broadcasts.drafts import WrongState
from messaging.models import Broadcast, BroadcastRecipient, Message, ShortLink
from messaging.selectors import broadcasts as results
from messaging.selectors.broadcasts import Tally, compare
from messaging.services.clicks import Caller, note_click
from tests.factories.crm import NOON, UserFactory, later
from tests.factories.messaging import make_broadcast, make_people
from tests.messaging.broadcasts.conftest import run, run_and_send

pytestmark = pytest.mark.django_db

State = Broadcast.State


def under_way(**fields) -> Broadcast:
    """A trial on half of 40 people that has gone out."""
    make_people(40)
    broadcast = make_broadcast("One", "Two", test_share=50, **fields)
    launch.send_broadcast(broadcast, actor=UserFactory(), now=NOON)
    run_and_send(NOON)
    broadcast.refresh_from_db()
    return broadcast


def click(message: Message, *, times: int = 1, bot_because: str = "", is_way_out: bool = False) -> None:
    link = ShortLink.objects.create(
        token=f"{message.pk}{bot_because}{is_way_out}"[:16], message=message, url="https://shop.example/",
        is_way_out=is_way_out,
    )  # fmt: skip
    for _ in range(times):
        note_click(link, Caller(bot_because=bot_because), now=NOON)


def of_variant(number: int) -> list[Message]:
    return list(Message.objects.filter(recipient__variant=number).order_by("pk"))


def test_only_the_share_of_the_trial_is_written_to_at_first():
    broadcast = under_way()

    waiting = broadcast.recipients.filter(state=BroadcastRecipient.State.WAITING)
    assert Message.objects.count() + waiting.count() == 40
    assert 10 <= waiting.count() <= 30
    assert set(waiting.values_list("variant", flat=True)) == {None}
    assert (broadcast.state, broadcast.tested_at) == (State.SENDING, NOON)
    assert work.next_due_at() == later(hours=4)


def test_the_rest_gets_the_variant_with_the_most_clicks():
    broadcast = under_way()
    for message in of_variant(2)[:4]:
        click(message)
    tried = len(of_variant(1))

    run_and_send(later(hours=3, minutes=59))
    assert len(of_variant(1)) == tried
    run_and_send(later(hours=4))

    broadcast.refresh_from_db()
    assert (broadcast.winner, broadcast.winner_decided_at, broadcast.state) == (2, later(hours=4), State.DONE)
    assert len(of_variant(1)) == tried
    assert len(of_variant(2)) == 40 - tried
    assert {message.body for message in of_variant(2)} == {"Two"}


def test_machines_and_ways_out_are_no_clicks_and_one_person_is_one():
    under_way()
    click(of_variant(1)[0], times=9)
    click(of_variant(1)[1], bot_because="user agent")
    click(of_variant(1)[2], is_way_out=True)
    for message in of_variant(2)[:2]:
        click(message)

    found = results.tallies(Broadcast.objects.get())

    assert (found[1].clicked, found[2].clicked) == (1, 2)


def test_a_click_that_an_email_service_tells_of_counts_as_well():
    under_way()
    Message.objects.filter(pk=of_variant(2)[0].pk).update(clicked_at=NOON)

    found = results.tallies(Broadcast.objects.get())

    assert (found[1].clicked, found[2].clicked) == (0, 1)


def test_by_deliveries():
    broadcast = under_way(winner_by="deliveries")
    Message.objects.filter(pk__in=[message.pk for message in of_variant(1)[:3]]).update(state="failed")

    run(later(hours=4))

    broadcast.refresh_from_db()
    assert broadcast.winner == 2


def test_by_what_people_then_did_in_time():
    broadcast = under_way(winner_by="goal", winner_goal="Order Completed", winner_after=2)
    for message, at in zip(of_variant(1), [later(hours=-1), later(hours=3)], strict=False):
        ordered(message, at)  # before it, and too late
    ordered(of_variant(2)[0], later(hours=1))

    run(later(hours=2))

    broadcast.refresh_from_db()
    assert broadcast.winner == 2
    assert results.tallies(broadcast)[1].reached == 0


def ordered(message: Message, at) -> None:
    Event.objects.create(
        customer=message.customer, name="Order Completed", source="web", dedupe_key=f"{message.pk}", occurred_at=at,
        received_at=at,
    )  # fmt: skip


def test_without_any_difference_the_first_wins():
    broadcast = under_way()

    run(later(hours=4))

    broadcast.refresh_from_db()
    assert broadcast.winner == 1


def test_a_person_decides():
    broadcast, boss = under_way(winner_by="person"), UserFactory()
    run_and_send(later(days=3))
    assert Broadcast.objects.get().winner is None

    launch.choose_winner(broadcast, number=2, actor=boss, now=later(days=3))
    run_and_send(later(days=3))

    broadcast.refresh_from_db()
    assert (broadcast.winner, broadcast.winner_decided_by, broadcast.state) == (2, boss, State.DONE)
    assert Message.objects.count() == 40


def test_the_winner_is_decided_once():
    broadcast = under_way()
    launch.choose_winner(broadcast, number=2, actor=UserFactory(), now=later(hours=1))

    with pytest.raises(WrongState):
        launch.choose_winner(broadcast, number=1, actor=UserFactory(), now=later(hours=1))
    run(later(hours=5))

    broadcast.refresh_from_db()
    assert (broadcast.winner, broadcast.winner_decided_at) == (2, later(hours=1))


def test_there_is_no_winner_that_is_no_variant():
    broadcast = under_way()

    with pytest.raises(WrongState):
        launch.choose_winner(broadcast, number=3, actor=UserFactory(), now=NOON)


def test_nobody_of_the_trial_gets_a_second_message():
    under_way()

    run_and_send(later(hours=4))
    run_and_send(later(days=2))

    assert Message.objects.count() == Message.objects.values("customer").distinct().count() == 40


def test_the_limit_a_minute_holds_for_a_trial_and_moves_its_end():
    make_people(10)
    broadcast = make_broadcast("One", "Two", test_share=90, per_minute=2)
    launch.send_broadcast(broadcast, actor=UserFactory(), now=NOON)
    for minute in range(8):
        run_and_send(NOON + timedelta(minutes=minute))

    broadcast.refresh_from_db()
    tested = broadcast.recipients.exclude(variant=None).count()
    assert broadcast.tested_at == NOON + tested * timedelta(seconds=30)


@pytest.mark.parametrize(
    ("one", "other", "leader", "words"),
    [
        ((0, 100), (0, 100), None, "Nothing to compare yet."),
        ((10, 1000), (40, 1000), 2, "Clearly ahead: chance alone would hardly do this."),
        ((10, 100), (17, 100), 2, "Probably ahead; it may still be chance."),
        ((10, 100), (11, 100), 2, "Too close to call."),
        ((1, 1), (0, 0), 1, "Too close to call."),
        ((5, 5), (5, 5), 1, "Too close to call."),
    ],
)
def test_how_sure_it_is_that_one_is_better(one, other, leader, words):
    def tally(hits: int, tries: int) -> Tally:
        found = Tally(clicked=hits)
        found.counts["sent"] = tries
        return found

    standing = compare({1: tally(*one), 2: tally(*other)}, "clicks")

    assert (standing.leader, str(standing.words)) == (leader, words)
