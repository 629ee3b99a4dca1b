"""What is done to a broadcast: sent, approved, paused, cancelled …; each by whoever may."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from crm.access.guards import staff_of, staff_required
from crm.access.roles import may
from crm.lib.moments import InvalidMoment, read_moment
from crm.lib.numbers import whole
from crm.models import User
from crm.rules import InvalidRule
from crm.views.parts import done, found, refused
from messaging.broadcasts import drafts, launch
from messaging.broadcasts.drafts import InvalidBroadcast, WrongState
from messaging.broadcasts.launch import Answer, NotAllowed
from messaging.models import Broadcast
from messaging.models.broadcast import MOST_VARIANTS

# What was said and where to go on.
_Said = tuple[str, str]


class _Press(NamedTuple):
    """Who pressed a button of which broadcast, and when; `as_of` is when what they saw of it was written, if known."""

    broadcast: Broadcast
    user: User
    now: datetime
    as_of: datetime | None


@require_POST
@staff_required("broadcasts.view")
def broadcast_change(request: HttpRequest, public_id: UUID, change: str) -> HttpResponse:
    """One of CHANGES, by its name in the URL."""
    if change not in CHANGES:
        raise Http404
    broadcast = found(Broadcast.objects.select_related("topic"), public_id)
    user = staff_of(request)
    permission, act = CHANGES[change]
    _guard(user, broadcast, permission)
    try:
        said, url = act(_Press(broadcast, user, timezone.now(), _moment(request.POST.get("as_of", ""))))
    except (InvalidBroadcast, InvalidRule) as error:
        here = reverse("messaging:broadcast_review", args=[public_id])
        return refused(request, _("Something stands in the way: %(faults)s") % {"faults": error}, here)
    except (NotAllowed, WrongState) as error:
        return refused(request, str(error), broadcast.get_absolute_url())
    return done(request, said, url)


@require_POST
@staff_required("broadcasts.send")
def broadcast_winner(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """A person decides which variant the rest gets: `number`."""
    broadcast = found(Broadcast.objects.select_related("topic"), public_id)
    _guard(staff_of(request), broadcast, "broadcasts.send")
    number = whole(request.POST.get("number", ""), most=MOST_VARIANTS) or 0
    try:
        launch.choose_winner(broadcast, number=number, actor=staff_of(request), now=timezone.now())
    except WrongState as error:
        return refused(request, str(error), broadcast.get_absolute_url())
    return done(request, _("The rest gets this one."), broadcast.get_absolute_url())


def may_change(user: User, broadcast: Broadcast) -> bool:
    """Whether `user` may pause, cancel or take back this one: their own, or any when they may approve."""
    own = user.pk in (broadcast.created_by_id, broadcast.sent_by_id)
    return may(user, "broadcasts.approve") or (own and may(user, "broadcasts.send"))


def _guard(user: User, broadcast: Broadcast, permission: str) -> None:
    allowed = may_change(user, broadcast) if permission == OWN else may(user, permission)
    if not allowed:
        raise PermissionDenied(permission)


def _moment(text: str) -> datetime | None:
    try:
        return read_moment(text) if text else None
    except InvalidMoment:
        return None


def _send(press: _Press) -> _Said:
    pressed = launch.send_broadcast(press.broadcast, actor=press.user, now=press.now, as_of=press.as_of)
    if pressed.answer == Answer.ASKED:
        return _("Asked: a second person has to approve it."), press.broadcast.get_absolute_url()
    said = ngettext("It goes to %(n)s person.", "It goes to %(n)s people.", pressed.people) % {"n": pressed.people}
    return said, press.broadcast.get_absolute_url()


def _approve(press: _Press) -> _Said:
    launch.approve_broadcast(press.broadcast, actor=press.user, now=press.now, as_of=press.as_of)
    return _("Approved."), press.broadcast.get_absolute_url()


def _recall(press: _Press) -> _Said:
    launch.recall_broadcast(press.broadcast, now=press.now)
    return _("It is a draft again."), reverse("messaging:broadcast_review", args=[press.broadcast.public_id])


def _pause(press: _Press) -> _Said:
    launch.pause_broadcast(press.broadcast, now=press.now)
    return _("Paused. What had not left waits."), press.broadcast.get_absolute_url()


def _resume(press: _Press) -> _Said:
    launch.resume_broadcast(press.broadcast, actor=press.user, now=press.now)
    return _("It goes on where it stopped."), press.broadcast.get_absolute_url()


def _cancel(press: _Press) -> _Said:
    launch.cancel_broadcast(press.broadcast, now=press.now)
    return _("Cancelled. Nobody else is written to."), press.broadcast.get_absolute_url()


def _copy(press: _Press) -> _Said:
    name = _("Copy of %(name)s") % {"name": press.broadcast.name}
    copy = drafts.copy_broadcast(press.broadcast, name=name, actor=press.user, now=press.now)
    return _("A draft like it."), reverse("messaging:broadcast_edit", args=[copy.public_id])


def _delete(press: _Press) -> _Said:
    launch.delete_broadcast(press.broadcast)
    return _("“%(name)s” is gone.") % {"name": press.broadcast}, reverse("messaging:broadcast_list")


OWN = "own"
CHANGES: Mapping[str, tuple[str, Callable[[_Press], _Said]]] = {
    "send": ("broadcasts.send", _send),
    "approve": ("broadcasts.approve", _approve),
    "recall": (OWN, _recall),
    "pause": (OWN, _pause),
    "resume": (OWN, _resume),
    "cancel": (OWN, _cancel),
    "copy": ("broadcasts.edit", _copy),
    "delete": (OWN, _delete),
}
