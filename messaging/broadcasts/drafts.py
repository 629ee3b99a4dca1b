"""Write a broadcast down: what it takes to keep a draft, and what stands in the way of sending it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, time
from typing import Any

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.models import Channel, Topic, User
from crm.rules import InvalidRule, parse_rule
from crm.rules.leaves.segments import segment_faults
from messaging.broadcasts import audience
from messaging.models import Broadcast, BroadcastVariant, ChannelSettings
from messaging.models.broadcast import MOST_VARIANTS
from messaging.rendering.letters import live_texts
from messaging.rendering.shortening import LinkRules
from messaging.texts import liquid, variables
from messaging.texts.mjml import MAX_COMPILED

Timing = Broadcast.Timing
WinnerBy = Broadcast.WinnerBy
MOST_PER_MINUTE = 100_000
# Beyond these, a time of some zone is no time of any calendar.
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2199, 12, 31)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong: where ("variants.0.body"), a code, and the words."""

    path: str
    code: str
    message: str | Promise


class InvalidBroadcast(ValueError):
    """It cannot be kept, or not be sent, like this; `faults` has everything that is wrong."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"{fault.path}: {fault.message}" for fault in faults))
        self.faults = faults


class WrongState(ValueError):
    """The broadcast is in a state that does not allow this; the message says which."""


@dataclass(frozen=True, slots=True)
class VariantIn:
    """A template of the library by its slug, or a text of its own."""

    weight: int = 1
    template: str = ""
    subject: str = ""
    body: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BroadcastIn:
    """
    A broadcast as somebody wants it; fields as those of `Broadcast`.

    Attributes:
        rule: of the rule grammar; {} is everybody, {"segment": slug} a segment.
        topic: slug.
        starts_at: aware; with the timing "at".
        local_date, local_time: with the timing "local".
        per_minute: 0 for no limit.
        test_share: percent of the people who try the variants out; 0 for no trial.
    """

    name: str
    topic: str
    channel: str
    rule: Any = None
    is_live: bool = False
    fallback: Sequence[str] = ()
    timing: str = Timing.NOW
    starts_at: datetime | None = None
    local_date: date | None = None
    local_time: time | None = None
    per_minute: int = 0
    expires_after: int = 24
    test_share: int = 0
    winner_by: str = WinnerBy.CLICKS
    winner_goal: str = ""
    winner_after: int = 4
    variants: Sequence[VariantIn] = ()

    @classmethod
    def of(cls, broadcast: Broadcast) -> BroadcastIn:
        """What is written down now, to change a part of it."""
        kept = {name: getattr(broadcast, name) for name in _PLAIN}
        return cls(
            **kept, topic=broadcast.topic.slug,
            variants=[
                VariantIn(row.weight, row.template, row.subject, row.body)
                for row in broadcast.variants.order_by("number")
            ],
        )  # fmt: skip


_PLAIN = tuple(field.name for field in fields(BroadcastIn) if field.name not in ("topic", "variants"))


@transaction.atomic
def create_broadcast(given: BroadcastIn, *, actor: User | None, now: datetime) -> Broadcast:
    """
    Keep a draft. Nobody is written to before it is sent.

    Raises:
        InvalidBroadcast: something in it is wrong in itself.
    """
    broadcast = Broadcast(created_by=actor, created_at=now)
    return _write(broadcast, given, actor, now)


@transaction.atomic
def edit_broadcast(broadcast: Broadcast, given: BroadcastIn, *, actor: User | None, now: datetime) -> Broadcast:
    """
    Write a draft anew. A request for approval, which was for the draft as it was, is taken back.

    Raises:
        InvalidBroadcast: as `create_broadcast`.
        WrongState: it is no draft any more.
    """
    return _write(_opened(broadcast), given, actor, now)


@transaction.atomic
def change_broadcast(
    broadcast: Broadcast, changes: Mapping[str, Any], *, actor: User | None, now: datetime
) -> Broadcast:
    """
    Change these fields of a draft, by the names of BroadcastIn; the others stay as they are by then, whoever changed
    them meanwhile. Otherwise as `edit_broadcast`.
    """
    broadcast = _opened(broadcast)
    return _write(broadcast, replace(BroadcastIn.of(broadcast), **changes), actor, now)


def _opened(broadcast: Broadcast) -> Broadcast:
    """A draft, locked, to be changed."""
    broadcast = Broadcast.objects.select_related("topic").select_for_update(of=("self",)).get(pk=broadcast.pk)
    if broadcast.state not in Broadcast.EDITABLE:
        raise WrongState(_("Only a draft can be changed."))
    broadcast.approval_asked_at = broadcast.approval_asked_by = None
    return broadcast


@transaction.atomic
def copy_broadcast(broadcast: Broadcast, *, name: str, actor: User | None, now: datetime) -> Broadcast:
    """A draft like it."""
    copy = Broadcast(
        name=name[:100], topic=broadcast.topic, created_by=actor, updated_by=actor, created_at=now, updated_at=now
    )
    for field in _PLAIN:
        if field != "name":
            setattr(copy, field, getattr(broadcast, field))
    copy.save()
    for variant in broadcast.variants.all():
        variant.pk, variant.broadcast = None, copy
        variant._state.adding = True
        variant.save()
    return copy


def _write(broadcast: Broadcast, given: BroadcastIn, actor: User | None, now: datetime) -> Broadcast:
    if faults := list(check(given)):
        raise InvalidBroadcast(faults)
    for name in _PLAIN:
        setattr(broadcast, name, getattr(given, name))
    broadcast.name, broadcast.rule = given.name.strip(), _rule_of(given)
    broadcast.fallback = list(given.fallback)
    broadcast.topic = Topic.objects.get(slug=given.topic)
    broadcast.updated_by, broadcast.updated_at = actor, now
    broadcast.save()
    broadcast.variants.all().delete()
    BroadcastVariant.objects.bulk_create(
        BroadcastVariant(
            broadcast=broadcast, number=number, weight=text.weight, template=text.template,
            subject=text.subject.strip(), body=text.body,
        )
        for number, text in enumerate(given.variants, start=1)
    )  # fmt: skip
    return broadcast


def _rule_of(given: BroadcastIn) -> Any:
    """Nothing said is everybody; what is no rule is not."""
    return {} if given.rule is None else given.rule


# --- Wrong in itself ------------------------------------------------------------------------------


def check(given: BroadcastIn) -> Iterator[Fault]:
    """Everything that keeps it from being kept."""
    if not given.name.strip() or len(given.name) > 100 or "\x00" in given.name:
        yield Fault("name", "invalid", _("A name of at most 100 characters is needed."))
    if not Topic.objects.filter(slug=given.topic).exists():
        yield Fault("topic", "unknown_topic", _("There is no such topic."))
    yield from _channel_faults(given)
    yield from _audience_faults(_rule_of(given))
    yield from _choice_faults(given)
    if len(given.variants) > MOST_VARIANTS:
        yield Fault("variants", "too_many", _("At most four variants."))
    for index, variant in enumerate(given.variants):
        yield from _variant_faults(f"variants.{index}", variant)


def _channel_faults(given: BroadcastIn) -> Iterator[Fault]:
    if given.channel not in Channel.values:
        yield Fault("channel", "invalid_choice", _("There is no such channel."))
    if any(name not in Channel.values for name in given.fallback):
        yield Fault("fallback", "invalid_choice", _("There is no such channel."))
    elif len({given.channel, *given.fallback}) <= len(given.fallback):
        yield Fault("fallback", "duplicate", _("Each channel is named once."))


def _audience_faults(rule: Any) -> Iterator[Fault]:
    try:
        parse_rule(rule, "rule")
    except InvalidRule as error:
        yield from (Fault(fault.path, "invalid_rule", fault.message) for fault in error.faults)
    else:
        yield from (Fault(fault.path, "invalid_rule", fault.message) for fault in segment_faults(rule, path="rule"))


def _choice_faults(given: BroadcastIn) -> Iterator[Fault]:
    if given.timing not in Timing.values:
        yield Fault("timing", "invalid_choice", _("There is no such choice."))
    if given.winner_by not in WinnerBy.values:
        yield Fault("winner_by", "invalid_choice", _("There is no such choice."))
    for name, least, most in (
        ("per_minute", 0, MOST_PER_MINUTE), ("expires_after", 1, 720), ("test_share", 0, 90), ("winner_after", 1, 168),
    ):  # fmt: skip
        if not least <= getattr(given, name) <= most:
            yield Fault(name, "out_of_range", _("From %(least)s to %(most)s.") % {"least": least, "most": most})
    for name, day in (("starts_at", given.starts_at and given.starts_at.date()), ("local_date", given.local_date)):
        if day and not FIRST_DAY <= day <= LAST_DAY:
            words = _("From %(least)s to %(most)s.") % {"least": FIRST_DAY.year, "most": LAST_DAY.year}
            yield Fault(name, "out_of_range", words)
    if len(given.winner_goal) > 100 or "\x00" in given.winner_goal:
        yield Fault("winner_goal", "invalid", _("The name of a fact, at most 100 characters."))


def _variant_faults(path: str, variant: VariantIn) -> Iterator[Fault]:
    if not 1 <= variant.weight <= 100:
        yield Fault(f"{path}.weight", "out_of_range", _("From %(least)s to %(most)s.") % {"least": 1, "most": 100})
    if variant.template and (variant.body.strip() or variant.subject.strip()):
        yield Fault(f"{path}.template", "invalid", _("Either a template or a text of its own."))
    if len(variant.subject) > 200 or any(char < " " for char in variant.subject.strip()):
        yield Fault(f"{path}.subject", "invalid_header", _("One line of at most 200 characters."))
    for name in ("subject", "body"):
        if "\x00" in getattr(variant, name):
            yield Fault(f"{path}.{name}", "invalid_text", _("Control characters are not allowed."))
            continue
        try:
            liquid.parse(getattr(variant, name))
        except liquid.InvalidTemplate as error:
            yield Fault(f"{path}.{name}", error.code, str(error))


# --- Not ready to be sent -------------------------------------------------------------------------


def obstacles(broadcast: Broadcast, *, now: datetime) -> list[Fault]:
    """What stands in the way of sending it at `now`: what is missing, and what has changed around it."""
    texts = list(broadcast.variants.order_by("number"))
    found = [*_audience_faults(broadcast.rule), *_time_faults(broadcast, now), *_trial_faults(broadcast, texts)]
    if not texts:
        found.append(Fault("variants", "required", _("There is nothing to say.")))
    set_up = set(ChannelSettings.objects.values_list("channel", flat=True))
    for name in broadcast.channels:
        if name not in set_up:
            words = _("%(channel)s is not set up.") % {"channel": Channel(name).label}
            found.append(Fault("channel", "not_set_up", words))
    published = live_texts({text.template for text in texts} - {""})
    for index, text in enumerate(texts):
        found += _text_faults(f"variants.{index}", text, broadcast.channels, published)
    return found


def _time_faults(broadcast: Broadcast, now: datetime) -> Iterator[Fault]:
    if broadcast.timing == Timing.AT and broadcast.starts_at is None:
        yield Fault("starts_at", "required", _("When is it to start?"))
    elif broadcast.timing == Timing.AT and broadcast.starts_at and broadcast.starts_at <= now:
        yield Fault("starts_at", "past", _("This moment is over."))
    if broadcast.timing == Timing.LOCAL:
        if broadcast.local_date is None or broadcast.local_time is None:
            yield Fault("local_date", "required", _("Which day and time are the customers' clocks to show?"))
        elif (first := audience.earliest(broadcast)) and first < now - audience.A_DAY:
            yield Fault("local_date", "past", _("This day is over in a part of the world."))


def _trial_faults(broadcast: Broadcast, texts: Sequence[BroadcastVariant]) -> Iterator[Fault]:
    if not broadcast.is_trial:
        return
    if len(texts) < 2:
        yield Fault("test_share", "invalid", _("A trial needs two variants or more."))
    if broadcast.timing == Timing.LOCAL:
        yield Fault(
            "test_share", "invalid",
            _("A trial and each customer's own clock do not go together: the rest would miss their hour."),
        )  # fmt: skip
    if broadcast.winner_by == WinnerBy.GOAL and not broadcast.winner_goal:
        yield Fault("winner_goal", "required", _("What are they to do?"))


def _text_faults(
    path: str, text: BroadcastVariant, channels: Sequence[str], published: Mapping[tuple[str, str], list[str]]
) -> Iterator[Fault]:
    if not text.template and not text.body.strip():
        yield Fault(f"{path}.body", "required", _("The text is empty."))
    if not text.template and Channel.EMAIL in channels and not text.subject.strip():
        yield Fault(f"{path}.subject", "required", _("An email needs a subject."))
    sources = [part for part in (text.subject, text.body) if part]
    if Channel.SMS in channels and (stranger := LinkRules.current().stranger(text.body)):
        words = _("%(domain)s is none of the shop's registered domains.") % {"domain": stranger[0]}
        yield Fault(f"{path}.body", "link_domain_not_registered", words)
    if text.template:
        sources = [part for name in channels for part in published.get((text.template, name), ())]
        for name in channels:
            if (text.template, name) not in published:
                words = _("The template has nothing published for %(channel)s.") % {"channel": Channel(name).label}
                yield Fault(f"{path}.template", "unknown_template", words)
    for name in sorted(_brought_by_flows(sources)):
        yield Fault(
            f"{path}.{'template' if text.template else 'body'}", "unknown_variable",
            _("“%(name)s” is known in flows only: a broadcast has no event.") % {"name": name},
        )  # fmt: skip


def _brought_by_flows(sources: Sequence[str]) -> set[str]:
    """Variables that nobody brings in a broadcast."""
    paths = (path for source in sources for path in liquid.parse(source, most=MAX_COMPILED).paths)
    return {".".join(map(str, path)) for path in paths if path[0] in variables.OPEN}
