"""What the tea house wrote to many at once: a trial that is over, and three that are not."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings

from config import ticks
from crm.models import Channel, User
from crm.services import segments
from messaging.broadcasts import drafts, launch
from messaging.broadcasts.drafts import BroadcastIn, VariantIn
from messaging.models import Broadcast, Message, ShortLink
from messaging.outbox import authoring
from messaging.services import clicks, pieces, prices, rules
from messaging.services.clicks import Caller
from messaging.services.pieces import PieceIn

HARVEST, WEEKEND, HOURS, FESTIVAL = "New oolong harvest", "Cold brew weekend", "Opening hours", "Loy Krathong"
READERS = "promotions-by-sms"
ZONE = ZoneInfo("Asia/Bangkok")
MORNING = 10  # o'clock
TRIED_ON, DECIDED_AFTER = 40, 4  # percent, hours
PHONE = Caller("203.0.113.7", "Mozilla/5.0 (Linux; Android 15) Mobile")
SCANNER = Caller("198.51.100.9", "LinkCheck/2.1", bot_because="user agent")
# Of the people who get this text, every ninth or third follows its link.
_FOLLOWS = {1: 9, 2: 3}

_TEXTS = {
    "harvest-story": (
        "Harvest: the story",
        {
            "en": "{{ shop.name }}: the new oolong is in, picked by hand at 1,300 m. {site}/ool-100",
            "th": "{{ shop.name }}: อู่หลงล็อตใหม่มาแล้ว เก็บด้วยมือจากดอย {site}/ool-100",
        },
    ),
    "harvest-offer": (
        "Harvest: the offer",
        {
            "en": "{{ customer.first_name | default: 'Hello' }}, the new oolong is in: 15% off until Sunday. "
            "{site}/ool-100?offer=15",
            "th": "คุณ{{ customer.first_name | default: 'ลูกค้า' }} อู่หลงล็อตใหม่ลด 15% ถึงวันอาทิตย์ {site}/ool-100?offer=15",
        },
    ),
}

_HOURS = {
    "en": ("New opening hours", "From December we are open from 9 to 20 on Fridays and Saturdays."),
    "th": ("เวลาเปิดร้านใหม่", "ตั้งแต่เดือนธันวาคม วันศุกร์และวันเสาร์ร้านเปิด 9.00-20.00 น."),
}
_ADDRESS = {
    "en": "{{ shop.name }}, 12 Nimman Road, Chiang Mai. Open 9 to 18, closed on Mondays.",
    "th": "{{ shop.name }} 12 ถนนนิมมาน เชียงใหม่ เปิด 9.00-18.00 น. หยุดวันจันทร์",
}
_LETTER = """<mjml>
  <mj-body background-color="#f4f1ea">
    <mj-section background-color="#ffffff">
      <mj-column>
        <mj-text font-size="22px" color="#0b6377">{heading}</mj-text>
        <mj-text font-size="16px" line-height="1.6">{words}</mj-text>
        <mj-text font-size="13px" color="#5b6570">{{% render 'address' %}}</mj-text>
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>"""


def morning_before(end: datetime, *, days: int) -> datetime:
    """Ten o'clock in the shop, so many days before `end`."""
    return (end.astimezone(ZONE) - timedelta(days=days)).replace(hour=MORNING, minute=0, second=0, microsecond=0)


def write_texts(site: str, *, now: datetime) -> None:
    """Texts of the shop's own, beside those that come with the product: two for a trial, an email with a design."""
    for slug, (name, texts) in _TEXTS.items():
        variants = {language: authoring.VariantIn(text.replace("{site}", site)) for language, text in texts.items()}
        authoring.save_template(slug=slug, channel=Channel.SMS, name=name, variants=variants, now=now)
    address = {language: PieceIn(text, text) for language, text in _ADDRESS.items()}
    pieces.save_piece(slug="address", texts=address, author=None, now=now)
    letters = {
        language: authoring.VariantIn(subject=subject, mjml=_LETTER.format(heading=subject, words=words))
        for language, (subject, words) in _HOURS.items()
    }
    authoring.save_template(
        slug="opening-hours", channel=Channel.EMAIL, name="Opening hours", variants=letters, now=now
    )


def try_two_texts(*, now: datetime) -> None:
    """Send the harvest to whoever wants promotions by SMS: some get either text, and the better one wins by clicks."""
    if Broadcast.objects.filter(name=HARVEST).exists():
        return
    manager = User.objects.get(username="nok")
    prices.add_example()
    rules.set_links(link_domain=settings.SITE_URL, registered_domains=[], shorten_email=False)
    segment = segments.create_segment(
        name="Promotions by SMS", slug=READERS, actor=manager, now=now,
        rule={"consent": {"channel": "sms", "topic": "promotions"}},
    )  # fmt: skip
    segments.refresh_segment(segment, now=now)
    given = BroadcastIn(
        name=HARVEST, topic="promotions", channel=Channel.SMS, rule={"segment": READERS}, test_share=TRIED_ON,
        winner_after=DECIDED_AFTER, variants=[VariantIn(template=slug) for slug in _TEXTS],
    )  # fmt: skip
    broadcast = drafts.create_broadcast(given, actor=manager, now=now)
    launch.send_broadcast(broadcast, actor=manager, now=now)
    while sum(ticks.tick(now).values()):
        pass  # everybody of the trial has their turn
    follow_links(now=now + timedelta(hours=1))


def follow_links(*, now: datetime) -> None:
    """People follow what they were sent by `now`, some of them, and a machine looks at one link."""
    fresh = ShortLink.objects.filter(message__clicked_at=None, message__recipient__broadcast__name=HARVEST)
    links = list(fresh.select_related("message__topic", "message__template").order_by("pk"))
    for variant, every in _FOLLOWS.items():
        for link in [link for link in links if link.message.cause["variant"] == variant][::every]:
            clicks.note_click(link, PHONE, now=now)
    for link in links[:1]:
        clicks.note_click(link, SCANNER, now=now)


def leave_some_open(*, now: datetime) -> None:
    """One waits for a second person, one is paused half way, one starts in three days."""
    if Broadcast.objects.filter(name=WEEKEND).exists():
        return
    marketer, manager = User.objects.get(username="ploy"), User.objects.get(username="nok")
    everybody = BroadcastIn(
        name=WEEKEND, topic="promotions", channel=Channel.SMS, fallback=[Channel.EMAIL], timing="at",
        starts_at=morning_before(now, days=-1),
        variants=[VariantIn(
            subject="Cold brew weekend", body="{{ shop.name }}: cold brew for two on Saturday and Sunday, 120 baht."
        )],
    )  # fmt: skip
    launch.send_broadcast(drafts.create_broadcast(everybody, actor=marketer, now=now), actor=marketer, now=now)
    hours = BroadcastIn(
        name=HOURS, topic="brand_news", channel=Channel.EMAIL, per_minute=30,
        rule={"consent": {"channel": "email", "topic": "brand_news"}}, variants=[VariantIn(template="opening-hours")],
    )  # fmt: skip
    began = now - timedelta(minutes=10)
    broadcast = drafts.create_broadcast(hours, actor=manager, now=began)
    launch.send_broadcast(broadcast, actor=manager, now=began)
    _send_half(broadcast, began=began, until=now)
    launch.pause_broadcast(broadcast, now=now)
    festival = BroadcastIn(
        name=FESTIVAL, topic="promotions", channel=Channel.SMS, rule={"segment": READERS}, timing="at",
        starts_at=morning_before(now, days=-3),
        variants=[VariantIn(body="{{ shop.name }}: we close early for Loy Krathong. Come by before 16:00.")],
    )  # fmt: skip
    launch.send_broadcast(drafts.create_broadcast(festival, actor=manager, now=now), actor=manager, now=now)


def _send_half(broadcast: Broadcast, *, began: datetime, until: datetime) -> None:
    """Work on it as the worker does, until every second person has their letter."""
    step, at = timedelta(seconds=10), began
    out = Message.objects.filter(recipient__broadcast=broadcast, state=Message.State.DELIVERED)
    while at <= until and 2 * out.count() <= broadcast.recipients.count():
        ticks.tick(at)
        at += step
