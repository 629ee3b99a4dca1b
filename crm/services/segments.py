"""
Segments: their rules, and their members kept up with the rules.

Members are found by one query for the difference between those the rule holds for and those on the list, and written
batch by batch, each with its facts in one transaction. A refresh that is cut short has done whole batches; the next one
finds the rest. Nothing is written for whom nothing changed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import EmptyResultSet, ValidationError
from django.db import connection, transaction
from django.utils.translation import gettext as _

from crm.events import log
from crm.events.types import EventDraft
from crm.extensions import Use, uses_of_segment
from crm.lib import bell, bulk
from crm.lib.slugs import free_slug
from crm.models import Segment, SegmentChange, SegmentMember, User
from crm.rules import InvalidRule, Rule, matching, parse_rule
from crm.rules.leaves.segments import segment_faults, segments_named
from crm.rules.schema import Fault

logger = logging.getLogger("waymark.segments")

BELL = "refresh_segments"
BATCH = 1000
RESERVED = frozenset({"new", "preview"})  # pages and calls of their own
ENTERED, LEFT = "Segment Entered", "Segment Left"


class InvalidSegment(ValueError):
    """A value the segment cannot hold; `field` names it. For a rule, `faults` says where in it."""

    def __init__(self, field: str, message: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message
        self.faults = faults


class SegmentInUse(ValueError):
    """Others speak of it; `users` says who."""

    def __init__(self, users: Sequence[Use]) -> None:
        super().__init__(f"is used by {', '.join(f'{use.what} “{use.name}”' for use in users)}")
        self.users = users


@dataclass(frozen=True, slots=True)
class Refreshed:
    """How many came in and went out."""

    entered: int = 0
    left: int = 0


# --- the rule ---------------------------------------------------------------------------------


@transaction.atomic
def create_segment(
    *, name: str, rule: Any, actor: User | None, now: datetime, slug: str = "", description: str = ""
) -> Segment:
    """
    Give a rule a name; its members are found soon after, or at once by `refresh_segment`.

    Args:
        slug: how rules and programs speak of it; from the name unless given.

    Raises:
        InvalidSegment: a bad value, a rule with faults, or the slug is taken.
    """
    slug = slug or free_slug(name, Segment.objects.all(), stem="segment", reserved=RESERVED)
    segment = Segment(name=name.strip(), slug=slug, description=description, created_by=actor, created_at=now)
    segment.rule = _checked(rule, of=segment.slug)
    return _write(segment, now)


@transaction.atomic
def edit_segment(segment: Segment, changes: Mapping[str, Any], *, now: datetime) -> Segment:
    """
    Change the `name`, the `description` or the `rule`. The slug stays: rules and flows speak of the segment by it.

    Raises:
        InvalidSegment: as `create_segment`; also a rule that leads back to the segment itself.
    """
    # Two edits that each close half of a circle take turns.
    locked = {row.pk: row for row in Segment.objects.select_for_update().order_by("pk")}
    segment = locked.get(segment.pk, segment)
    before = segment.rule
    for field in ("name", "description"):
        if field in changes:
            setattr(segment, field, str(changes[field]).strip())
    if "rule" in changes:
        segment.rule = _checked(changes["rule"], of=segment.slug)
    if segment.rule == before:
        _clean(segment)
        segment.save()
        return segment
    ask_refresh([row for row in locked.values() if row.slug in _leading_to(segment.slug, list(locked.values()))], now)
    return _write(segment, now)


@transaction.atomic
def delete_segment(segment: Segment) -> None:
    """
    Take it away, and its members with it; nobody has "left" it by that.

    Raises:
        SegmentInUse: another segment, or something in the apps above, speaks of it.
    """
    # Whoever is just having a rule checked that names it takes turns with us.
    list(Segment.objects.select_for_update().order_by("pk"))
    if users := users_of(segment):
        raise SegmentInUse(users)
    segment.delete()


def users_of(segment: Segment) -> list[Use]:
    """Who speaks of the segment: the rules of others, and whatever the apps above know of."""
    others = [
        Use(_("segment"), other.name, other.get_absolute_url())
        for other in Segment.objects.exclude(pk=segment.pk).order_by("name")
        if segment.slug in {slug for _path, slug in segments_named(other.rule)}
    ]
    return [*others, *uses_of_segment(segment.slug)]


def _checked(rule: Any, *, of: str) -> Any:
    try:
        parse_rule(rule)
    except InvalidRule as error:
        raise InvalidSegment("rule", str(error), error.faults) from error
    if faults := segment_faults(rule, of=of):
        raise InvalidSegment("rule", "; ".join(map(str, faults)), faults)
    return rule


def _clean(segment: Segment) -> None:
    if segment.slug in RESERVED:
        raise InvalidSegment("slug", "is taken")
    try:
        segment.full_clean(exclude=["created_by"])
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise InvalidSegment(field, messages[0]) from error


def _write(segment: Segment, now: datetime) -> Segment:
    _clean(segment)
    segment.refresh_asked_at = now
    segment.save()
    bell.ring(BELL)
    return segment


def _leading_to(slug: str, segments: Sequence[Segment]) -> set[str]:
    """The segments whose rules speak of `slug`, at first or further hand."""
    named = {row.slug: {name for _path, name in segments_named(row.rule)} for row in segments}
    found, frontier = set[str](), {slug}
    while frontier := {name for name, inside in named.items() if inside & frontier} - found:
        found |= frontier
    return found


# --- the members ------------------------------------------------------------------------------


def ask_refresh(segments: Sequence[Segment], now: datetime) -> None:
    """Have the worker refresh these; what is asked again meanwhile is done again."""
    asked = Segment.objects.filter(pk__in=[segment.pk for segment in segments])
    if asked.update(refresh_asked_at=now):
        bell.ring(BELL)


def ask_refresh_of_all(now: datetime) -> int:
    """As every night; return how many there are."""
    segments = list(Segment.objects.only("pk"))
    ask_refresh(segments, now)
    return len(segments)


def refresh_asked(*, now: datetime) -> int:
    """Refresh the segment that was asked for longest ago; return 1, or 0 when none is."""
    segment = Segment.objects.exclude(refresh_asked_at=None).order_by("refresh_asked_at", "pk").first()
    if segment is None:
        return 0
    try:
        refresh_segment(segment, now=now)
    except InvalidRule:
        # Written past the services; its page shows the faults. The others go on.
        logger.exception("segment %s cannot be refreshed", segment.slug)
    Segment.objects.filter(pk=segment.pk, refresh_asked_at=segment.refresh_asked_at).update(refresh_asked_at=None)
    return 1


def refresh_segment(segment: Segment, *, now: datetime) -> Refreshed:
    """
    Make the members those the rule holds for at `now`, and record who entered and who left.

    Raises:
        InvalidRule: the rule cannot be read (any more).
    """
    entered, left = _difference(segment, parse_rule(segment.rule), now)
    done = Refreshed(
        sum(_let_in(segment, ids, now) for ids in _batches(entered)),
        sum(_let_out(segment, ids, now) for ids in _batches(left)),
    )
    if done != Refreshed():
        _note_change(segment, done, now)
    return done


@transaction.atomic
def _note_change(segment: Segment, done: Refreshed, now: datetime) -> None:
    segment.member_count, segment.changed_at = segment.memberships.count(), now
    Segment.objects.filter(pk=segment.pk).update(member_count=segment.member_count, changed_at=now)
    SegmentChange.objects.create(
        segment=segment, changed_at=now, entered=done.entered, left=done.left, member_count=segment.member_count
    )


def _difference(segment: Segment, rule: Rule, now: datetime) -> tuple[list[int], list[int]]:
    """The customers to let in and those to let out; the rule is asked once."""
    members = SegmentMember._meta.db_table
    try:
        found, params = matching(rule, now=now).order_by().values("pk").query.sql_with_params()
    except EmptyResultSet:
        return [], list(segment.memberships.values_list("customer_id", flat=True))
    sql = f"""
        WITH found(id) AS MATERIALIZED ({found})
        SELECT found.id, 1 FROM found
        LEFT JOIN {members} AS m ON m.segment_id = %s AND m.customer_id = found.id WHERE m.id IS NULL
        UNION ALL
        SELECT m.customer_id, 0 FROM {members} AS m
        LEFT JOIN found ON found.id = m.customer_id WHERE m.segment_id = %s AND found.id IS NULL
    """  # noqa: S608 - compiled by Django, values as parameters
    entered, left = list[int](), list[int]()
    with connection.cursor() as cursor:
        cursor.execute(sql, [*params, segment.pk, segment.pk])
        while rows := cursor.fetchmany(BATCH):
            for pk, is_new in rows:
                (entered if is_new else left).append(pk)
    return entered, left


def _batches(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))


@transaction.atomic
def _let_in(segment: Segment, customer_ids: Sequence[int], now: datetime) -> int:
    if not _is_as_read(segment):
        return 0
    rows = [SegmentMember(segment_id=segment.pk, customer_id=pk, since=now) for pk in customer_ids]
    new = bulk.insert_new(SegmentMember, rows, unique=("segment_id", "customer_id"))
    log.record_many([_fact(segment, ENTERED, row.customer_id, now) for row in new], now=now)
    return len(new)


@transaction.atomic
def _let_out(segment: Segment, customer_ids: Sequence[int], now: datetime) -> int:
    if not _is_as_read(segment):
        return 0
    rows = segment.memberships.filter(customer__in=customer_ids)
    gone = list(rows.values_list("customer_id", flat=True))
    rows.delete()
    log.record_many([_fact(segment, LEFT, pk, now) for pk in gone], now=now)
    return len(gone)


def _is_as_read(segment: Segment) -> bool:
    """Whether the segment still has the rule we asked. Holding its row, two refreshes of one segment take turns."""
    rules = Segment.objects.select_for_update().filter(pk=segment.pk).values_list("rule", flat=True)
    return list(rules) == [segment.rule]


def _fact(segment: Segment, name: str, customer_id: int, now: datetime) -> EventDraft:
    return EventDraft(
        name=name,
        customer_id=customer_id,
        occurred_at=now,
        dedupe_key=f"segment:{segment.pk}:{customer_id}:{name}:{now.isoformat()}",
        properties={"segment": segment.slug, "name": segment.name},
        object_type="segment",
        object_id=segment.pk,
    )
