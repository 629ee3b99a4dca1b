"""Send a broadcast, or ask for approval; pause it, let it go on, take it back, cancel it, choose its winner."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.access.roles import may
from crm.lib import bell
from crm.models import User
from messaging.broadcasts import audience
from messaging.broadcasts.drafts import InvalidBroadcast, WrongState, obstacles
from messaging.broadcasts.settling import settle
from messaging.models import Broadcast

BELL = "send_broadcasts"
# More people than this are written to with the approval of a second person, or by somebody who may give it.
ALONE = 500

State = Broadcast.State


class NotAllowed(ValueError):
    """This person may not do this with this broadcast; the message says why."""


class Answer(StrEnum):
    """What came of pressing the button."""

    SCHEDULED = "scheduled"
    ASKED = "approval_asked"


@dataclass(frozen=True, slots=True)
class Pressed:
    """`people` is how many the audience had at that moment."""

    answer: Answer
    people: int


@transaction.atomic
def send_broadcast(
    broadcast: Broadcast, *, actor: User | None, now: datetime, as_of: datetime | None = None
) -> Pressed:
    """
    Have it sent at its time; to more than ALONE people, by somebody who may not approve that, ask for approval.

    Args:
        actor: None for a program, which may not approve.
        as_of: when what the actor saw was written; None when that is not known.

    Raises:
        WrongState: it is no draft, waits for approval already, or was changed since.
        InvalidBroadcast: something stands in the way.
    """
    broadcast = _locked(broadcast)
    _must_be(broadcast, State.DRAFT)
    _must_be_as_seen(broadcast, as_of)
    if broadcast.approval_asked_at:
        raise WrongState(_("It waits for approval already."))
    number = _ready(broadcast, now)
    if number > ALONE and not _may_approve(actor):
        broadcast.approval_asked_by, broadcast.approval_asked_at = actor, now
        broadcast.sent_by = actor
        broadcast.save()
        return Pressed(Answer.ASKED, number)
    broadcast.sent_by = actor
    broadcast.most_people = None if _may_approve(actor) else ALONE
    _schedule(broadcast, now)
    return Pressed(Answer.SCHEDULED, number)


@transaction.atomic
def approve_broadcast(broadcast: Broadcast, *, actor: User, now: datetime, as_of: datetime | None = None) -> Pressed:
    """
    Let a broadcast go that somebody else asked to send; `as_of` as for `send_broadcast`.

    Raises:
        NotAllowed: `actor` may not approve, or asked themselves.
        WrongState: nobody asks, or it was changed since.
        InvalidBroadcast: something stands in the way by now.
    """
    broadcast = _locked(broadcast)
    if not broadcast.awaits_approval:
        raise WrongState(_("Nobody asks for approval of it."))
    _must_be_as_seen(broadcast, as_of)
    if not _may_approve(actor):
        raise NotAllowed(_("Your role may not approve broadcasts."))
    if actor.pk in (broadcast.approval_asked_by_id, broadcast.updated_by_id):
        raise NotAllowed(_("A second person has to approve it."))
    number = _ready(broadcast, now)
    broadcast.approved_by, broadcast.approved_at, broadcast.most_people = actor, now, None
    _schedule(broadcast, now)
    return Pressed(Answer.SCHEDULED, number)


@transaction.atomic
def recall_broadcast(broadcast: Broadcast, *, now: datetime) -> Broadcast:
    """
    Make a draft again of one that has not started, or withdraw the request for approval.

    Raises:
        WrongState: it has started.
    """
    broadcast = _locked(broadcast)
    if broadcast.state != State.SCHEDULED and not broadcast.awaits_approval:
        raise WrongState(_("It is too late for that: it has started, or was never sent."))
    broadcast.state = State.DRAFT
    broadcast.sent_by = broadcast.approval_asked_by = broadcast.approved_by = None
    broadcast.approval_asked_at = broadcast.approved_at = broadcast.most_people = None
    broadcast.updated_at = now
    if broadcast.timing != Broadcast.Timing.AT:
        broadcast.starts_at = None
    broadcast.save()
    return broadcast


def pause_broadcast(broadcast: Broadcast, *, now: datetime) -> Broadcast:
    """
    Stop it where it is: nobody else gets a message, and what waits on the ledger is held back. Nothing is lost.

    Call it outside of a transaction: the messages are held batch by batch.

    Raises:
        WrongState: it is neither scheduled nor being sent.
    """
    with transaction.atomic():
        broadcast = _locked(broadcast)
        _must_be(broadcast, *Broadcast.STOPPABLE)
        broadcast.state, broadcast.is_settling = State.PAUSED, True
        broadcast.save(update_fields=["state", "is_settling"])
    settle(broadcast, now=now)
    return _again(broadcast)


def resume_broadcast(broadcast: Broadcast, *, actor: User | None, now: datetime) -> Broadcast:
    """
    Go on where it stopped.

    Args:
        actor: who may approve lifts the bound at which it stopped by itself.

    Raises:
        WrongState: it is not paused.
        NotAllowed: it has stopped because it reaches too many people for `actor` to decide alone.
    """
    with transaction.atomic():
        broadcast = _locked(broadcast)
        _must_be(broadcast, State.PAUSED)
        if broadcast.halt == Broadcast.Halt.TOO_MANY:
            if not _may_approve(actor):
                raise NotAllowed(Broadcast.Halt.TOO_MANY.label)
            broadcast.most_people, broadcast.approved_by, broadcast.approved_at = None, actor, now
        broadcast.state = State.SENDING if broadcast.started_at else State.SCHEDULED
        broadcast.halt, broadcast.is_settling = "", broadcast.started_at is not None
        broadcast.save()
        bell.ring(BELL)
    settle(broadcast, now=now)
    return _again(broadcast)


def cancel_broadcast(broadcast: Broadcast, *, now: datetime) -> Broadcast:
    """
    End it: whoever has no message yet gets none, and what waits on the ledger is cancelled. What has left has left.

    Call it outside of a transaction, as `pause_broadcast`.

    Raises:
        WrongState: it is a draft, or over.
    """
    with transaction.atomic():
        broadcast = _locked(broadcast)
        _must_be(broadcast, *Broadcast.STOPPABLE, State.PAUSED)
        broadcast.state, broadcast.ended_at, broadcast.is_settling, broadcast.halt = State.CANCELLED, now, True, ""
        broadcast.recount_at = None
        broadcast.save(update_fields=["state", "ended_at", "is_settling", "halt", "recount_at"])
    settle(broadcast, now=now)
    return _again(broadcast)


@transaction.atomic
def delete_broadcast(broadcast: Broadcast) -> None:
    """
    Throw a draft away.

    Raises:
        WrongState: it is no draft: what was sent stays on record.
    """
    broadcast = _locked(broadcast)
    _must_be(broadcast, State.DRAFT)
    broadcast.delete()


@transaction.atomic
def choose_winner(broadcast: Broadcast, *, number: int, actor: User | None, now: datetime) -> Broadcast:
    """
    End the trial: the rest gets this variant.

    Raises:
        WrongState: there is no trial under way, its winner is known, or there is no such variant.
    """
    broadcast = _locked(broadcast)
    _must_be(broadcast, State.SENDING, State.PAUSED)
    if not broadcast.awaits_winner:
        raise WrongState(_("Its winner is decided."))
    if not broadcast.variants.filter(number=number).exists():
        raise WrongState(_("There is no such variant."))
    broadcast.winner, broadcast.winner_decided_at, broadcast.winner_decided_by = number, now, actor
    broadcast.save(update_fields=["winner", "winner_decided_at", "winner_decided_by"])
    bell.ring(BELL)
    return broadcast


def _ready(broadcast: Broadcast, now: datetime) -> int:
    """How many people it would go to; refuses when something stands in the way."""
    if faults := obstacles(broadcast, now=now):
        raise InvalidBroadcast(faults)
    return audience.people(broadcast, now=now).count()


def _schedule(broadcast: Broadcast, now: datetime) -> None:
    if broadcast.timing == Broadcast.Timing.NOW:
        broadcast.starts_at = now
    elif broadcast.timing == Broadcast.Timing.LOCAL:
        broadcast.starts_at = max(audience.earliest(broadcast) or now, now)
    broadcast.state = State.SCHEDULED
    broadcast.save()
    bell.ring(BELL)


def _may_approve(actor: User | None) -> bool:
    return actor is not None and may(actor, "broadcasts.approve")


def _locked(broadcast: Broadcast) -> Broadcast:
    return Broadcast.objects.select_related("topic").select_for_update(of=("self",)).get(pk=broadcast.pk)


def _again(broadcast: Broadcast) -> Broadcast:
    return Broadcast.objects.select_related("topic").get(pk=broadcast.pk)


def _must_be_as_seen(broadcast: Broadcast, as_of: datetime | None) -> None:
    if as_of not in (None, broadcast.updated_at):
        raise WrongState(_("It was changed since you looked at it. Look again before it goes."))


def _must_be(broadcast: Broadcast, *states: str) -> None:
    if broadcast.state not in states:
        said: str | Promise = State(broadcast.state).label
        raise WrongState(_("It is %(state)s: that does not allow this.") % {"state": said})
