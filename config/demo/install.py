"""Put the demo shop in place: its settings, staff, shelf, places, templates and flows, and then its past."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from django.contrib.auth.hashers import make_password
from django.db import transaction

from config.demo import broadcasts, post, shop, story
from config.replay.history import History
from config.replay.player import Player
from crm.lib import bell
from crm.lib.money import Money
from crm.models import Customer, Product, ReplayRun, Shop, Source, Task, Ticket, Touchpoint, User
from crm.services import tickets, work
from journeys.flows import presets as flow_presets
from messaging import presets as template_presets
from messaging.models import ChannelSettings

SETTLED = timedelta(days=2)
PASSWORD: Final = "waymark-demo"  # noqa: S105 - the demo's, printed at its start


def install(*, now: datetime, progress: Callable[[int, int], None], people: int = story.PEOPLE) -> bool:
    """
    Make the demo shop; False when it is there already. A run that was killed goes on where it stopped.

    Args:
        now: where the story ends.
        progress: called with (done, all) happenings.
    """
    run = ReplayRun.objects.filter(fingerprint__startswith="demo-").first()
    if run is not None and run.finished_at is not None:
        return False
    end = run.started_at if run is not None else now
    history = story.told(end, people=people)
    run = run or _furnish(history, now)
    total, done = len(history.happenings), run.position

    def advance(batch: int) -> None:
        nonlocal done
        done += batch
        progress(done, total)

    # What is long past is lived through in larger steps; of the last days every hour can be told apart.
    harvest = broadcasts.morning_before(end, days=2)
    Player(history, run, harvest, slice_=timedelta(hours=24), tick=timedelta(hours=24)).play(advance)
    with bell.silenced():
        broadcasts.write_texts(shop.SITE, now=harvest)
        broadcasts.try_two_texts(now=harvest)
    Player(history, run, end, slice_=timedelta(hours=2), tick=timedelta(hours=2)).play(advance)
    with bell.silenced():
        broadcasts.follow_links(now=end)
        broadcasts.leave_some_open(now=end)
        post.send_on_a_bad_day(now=end)
        post.receive_some(now=end)
        _leave_work(end)
    run.finished_at = now
    run.save(update_fields=["finished_at"])
    return True


@transaction.atomic
def _furnish(history: History, now: datetime) -> ReplayRun:
    """Everything that stands before the first customer comes in."""
    opening = history.happenings[0].at - timedelta(days=1)
    current = Shop.current()
    current.name, current.time_zone, current.country, current.currency = shop.NAME, "Asia/Bangkok", "TH", "THB"
    current.save()
    password = make_password(PASSWORD)  # once: hashing is slow on purpose
    for username, first, last, role in shop.STAFF:
        user = User(
            username=username, first_name=first, last_name=last, role=role, email=f"{username}@baancha.example",
            is_staff=role == User.Role.ADMIN, is_superuser=role == User.Role.ADMIN, date_joined=opening,
        )  # fmt: skip
        user.password = password
        user.save()
    Source.objects.create(slug=shop.SOURCE, name="Web shop", allowed_origins=[shop.SITE], created_at=opening)
    Product.objects.bulk_create(
        Product(
            sku=article.sku, name=article.name, category=article.category, brand=shop.NAME,
            url=f"{shop.SITE}/{article.sku.lower()}", price_minor=Money.of(article.baht, "THB").minor, currency="THB",
            time_of_use=article.try_for, repurchase_after=article.lasts, created_at=opening,
        )
        for article in shop.SHELF
    )  # fmt: skip
    Touchpoint.objects.bulk_create(
        Touchpoint(
            code=place.code, name=place.name, kind=place.kind, place=place.place, campaign=place.campaign,
            url=f"{shop.SITE}/?from={place.code}", cost_minor=place.cost * 100, currency="THB", created_at=opening,
            starts_on=opening.date(),
        )
        for place in shop.PLACES
    )  # fmt: skip
    # Nothing of the demo leaves the machine: every channel ends on the sandbox phone.
    ChannelSettings.objects.update(provider="sandbox")
    template_presets.install_templates(now=opening)
    flows = (*flow_presets.PRESETS, flow_presets.REPEAT_PURCHASE)  # the shelf says how long each thing lasts
    flow_presets.install_flows(now=opening, presets=flows, publish=True)
    return ReplayRun.objects.create(fingerprint=history.fingerprint, label=history.label, started_at=now)


@transaction.atomic
def _leave_work(now: datetime) -> None:
    """What a morning looks like: customers have owners, old matters are settled, and there are things to do."""
    sales = list(User.objects.filter(username__in=["nok", "somsak"]).order_by("username"))
    for number, owner in enumerate(sales):
        people = list(Customer.objects.known().order_by("pk").values_list("pk", flat=True)[number::3])
        Customer.objects.filter(pk__in=people).update(owner=owner)
    if Task.objects.filter(cause="demo").exists():
        return
    demo, fah = User.objects.get(username="demo"), User.objects.get(username="fah")
    for task in Task.objects.open().filter(created_at__lt=now - SETTLED):
        work.complete_task(task, now=task.created_at + timedelta(hours=5), outcome="done")
    for ticket in Ticket.objects.unsolved().filter(last_message_at__lt=now - SETTLED).select_related("customer"):
        at = ticket.last_message_at + timedelta(hours=6)
        answer = shop.REPLIES.get(ticket.customer.language, shop.REPLIES["en"])[0]
        tickets.add_message(ticket, author="staff", body=answer, staff=fah, channel="web", now=at)
        tickets.set_status(ticket, Ticket.Status.RESOLVED, now=at)
    for number, ticket in enumerate(
        Ticket.objects.waiting_for_us().select_related("customer").order_by("opened_at")[:4]
    ):
        work.add_task(
            title=f"Call {ticket.customer.display_name} about: {ticket.subject}", customer=ticket.customer,
            assignee=demo, due_at=now + timedelta(hours=5 * number - 8), cause="demo", now=now,
        )  # fmt: skip
    best = Customer.objects.known().filter(purchases__isnull=False).order_by("-last_seen_at").first()
    work.add_task(
        title="Write to our best customers about the new harvest", customer=best, assignee=demo,
        due_at=now + timedelta(days=1), cause="demo", now=now,
    )  # fmt: skip
