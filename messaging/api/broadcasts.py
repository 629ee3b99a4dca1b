"""Broadcasts: draft, estimate, send, pause, cancel, see what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import django_filters
from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response

from crm.access.roles import may
from crm.api.base import Noun
from crm.api.errors import Problem
from crm.api.fields import checked, faults
from crm.lib.paging import Sort
from crm.rules import InvalidRule
from messaging.api.broadcast_shapes import (
    LETTERS,
    BroadcastChangesGiven,
    BroadcastEstimateShape,
    BroadcastGiven,
    BroadcastResultsShape,
    BroadcastSentShape,
    BroadcastShape,
    BroadcastTallyShape,
    BroadcastWinnerGiven,
    NoBodyGiven,
)
from messaging.broadcasts import drafts, launch
from messaging.broadcasts.drafts import BroadcastIn, InvalidBroadcast, VariantIn, WrongState
from messaging.broadcasts.estimate import estimate
from messaging.broadcasts.launch import NotAllowed, Pressed
from messaging.models import Broadcast, BroadcastVariant
from messaging.selectors import broadcasts as results

_SEND = ("broadcasts:send",)


class BroadcastFilters(django_filters.FilterSet):  # type: ignore[misc] # ships no types
    state = django_filters.ChoiceFilter(choices=Broadcast.State.choices)
    search = django_filters.CharFilter(field_name="name", lookup_expr="icontains", label="part of the name")

    class Meta:
        model = Broadcast
        fields: list[str] = []


@extend_schema_view(list=extend_schema(summary="List broadcasts"), retrieve=extend_schema(summary="Get a broadcast"))
class BroadcastView(mixins.ListModelMixin, mixins.RetrieveModelMixin, Noun):
    scope = "broadcasts"
    scopes = {
        "estimate": ("broadcasts:read", "broadcasts:write"),
        **dict.fromkeys(("send", "approve", "recall", "pause", "resume", "cancel", "winner"), _SEND),
    }
    queryset = Broadcast.objects.none()
    serializer_class = BroadcastShape
    filterset_class = BroadcastFilters
    sort = Sort("id")

    def get_queryset(self) -> QuerySet[Broadcast]:
        texts = Prefetch("variants", BroadcastVariant.objects.order_by("number"))
        return Broadcast.objects.select_related("topic").prefetch_related(texts)

    @extend_schema(
        summary="Draft a broadcast", request=BroadcastGiven, responses={201: BroadcastShape},
        description="Nobody is written to before it is sent. A rule of {} is everybody; {\"segment\": slug} a segment.",
    )  # fmt: skip
    @transaction.atomic
    def create(self, request: Request) -> Response:
        given = _texts(checked(BroadcastGiven(data=request.data, context=self.get_serializer_context())))
        with _conflicts():
            broadcast = drafts.create_broadcast(BroadcastIn(**given), actor=self.staff, now=self.now)
        return self._again(broadcast, 201)

    @extend_schema(
        summary="Change a draft", request=BroadcastChangesGiven, responses=BroadcastShape,
        description="A request for approval is taken back by it.",
    )  # fmt: skip
    @transaction.atomic
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        broadcast = self.get_object()
        changes = _texts(checked(BroadcastChangesGiven(data=request.data, context=self.get_serializer_context())))
        with _conflicts():
            drafts.change_broadcast(broadcast, changes, actor=self.staff, now=self.now)
        return self._again(broadcast)

    @extend_schema(summary="Delete a draft", responses={204: None})
    @transaction.atomic
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        broadcast = self.get_object()
        self._must_own(broadcast)
        with _conflicts():
            launch.delete_broadcast(broadcast)
        return Response(status=204)

    @extend_schema(
        summary="Say what sending it now would come to", request=NoBodyGiven, responses=BroadcastEstimateShape,
        description="How many people, who is left out and why, and what it costs. Writes nothing.",
    )  # fmt: skip
    def estimate(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        broadcast = self.get_object()
        checked(NoBodyGiven(data=request.data))
        in_the_way = [
            {"path": fault.path, "code": fault.code, "message": str(fault.message)}
            for fault in drafts.obstacles(broadcast, now=self.now)
        ]
        with _conflicts():
            found = estimate(broadcast, now=self.now)
        shown = BroadcastEstimateShape(
            BroadcastEstimateShape.shown(found, in_the_way), context=self.get_serializer_context()
        )
        return Response(shown.data)

    @extend_schema(
        summary="Send a broadcast", request=NoBodyGiven, responses={202: BroadcastSentShape},
        description=(
            "At its time. To more than 500 people a second person of the staff has to approve it first, unless a "
            "manager or an administrator sends it: then `answer` is approval_asked, and it stays a draft until then."
        ),
    )  # fmt: skip
    def send(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        broadcast = self.get_object()
        checked(NoBodyGiven(data=request.data))
        with _conflicts():
            pressed = launch.send_broadcast(broadcast, actor=self.staff, now=self.now)
        return self._sent(broadcast, pressed)

    @extend_schema(
        summary="Approve a broadcast", request=NoBodyGiven, responses={202: BroadcastSentShape},
        description="By a person who may, and who neither asked nor wrote it. A key is nobody, and approves nothing.",
    )  # fmt: skip
    def approve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        broadcast = self.get_object()
        checked(NoBodyGiven(data=request.data))
        if self.staff is None:
            raise Problem("forbidden", _("Only a person approves broadcasts."))
        with _conflicts():
            pressed = launch.approve_broadcast(broadcast, actor=self.staff, now=self.now)
        return self._sent(broadcast, pressed)

    @extend_schema(summary="Make a scheduled broadcast a draft again", request=NoBodyGiven, responses=BroadcastShape)
    def recall(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        broadcast = self._stoppable(request)
        with _conflicts():
            launch.recall_broadcast(broadcast, now=self.now)
        return self._again(broadcast)

    @extend_schema(
        summary="Pause a broadcast", request=NoBodyGiven, responses=BroadcastShape,
        description="Nobody else gets a message, and what is queued is held. Nothing is lost.",
    )  # fmt: skip
    def pause(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        broadcast = self._stoppable(request)
        with _conflicts():
            launch.pause_broadcast(broadcast, now=self.now)
        return self._again(broadcast)

    @extend_schema(summary="Let a paused broadcast go on", request=NoBodyGiven, responses=BroadcastShape)
    def resume(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        broadcast = self._stoppable(request)
        with _conflicts():
            launch.resume_broadcast(broadcast, actor=self.staff, now=self.now)
        return self._again(broadcast)

    @extend_schema(
        summary="Cancel a broadcast", request=NoBodyGiven, responses=BroadcastShape,
        description="For good: what is queued is cancelled, and nobody else gets a message. What has left has left.",
    )  # fmt: skip
    def cancel(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        broadcast = self._stoppable(request)
        with _conflicts():
            launch.cancel_broadcast(broadcast, now=self.now)
        return self._again(broadcast)

    @extend_schema(summary="Choose the winner of a trial", request=BroadcastWinnerGiven, responses=BroadcastShape)
    def winner(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        broadcast = self.get_object()
        given = checked(BroadcastWinnerGiven(data=request.data))
        self._must_own(broadcast)
        number = LETTERS.index(given["winner"]) + 1
        with _conflicts():
            launch.choose_winner(broadcast, number=number, actor=self.staff, now=self.now)
        return self._again(broadcast)

    @extend_schema(summary="What came of a broadcast", responses=BroadcastResultsShape)
    def results(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        broadcast = self.get_object()
        found = results.tallies(broadcast)
        standing = results.compare(found, broadcast.winner_by)
        answer = {
            "state": broadcast.state,
            "total": BroadcastTallyShape.row("", results.total_of(found)),
            "variants": [
                BroadcastTallyShape.row(LETTERS[number - 1] if number else "", tally) for number, tally in found.items()
            ],
            "leader": LETTERS[standing.leader - 1] if standing.leader else None,
            "chance": standing.chance,
        }
        return Response(BroadcastResultsShape(answer, context=self.get_serializer_context()).data)

    def _again(self, broadcast: Broadcast, status: int = 200) -> Response:
        return self.answer(self.get_queryset().get(pk=broadcast.pk), status)

    def _sent(self, broadcast: Broadcast, pressed: Pressed) -> Response:
        answer = {"answer": pressed.answer, "people": pressed.people}
        shown = {**answer, "broadcast": self.get_queryset().get(pk=broadcast.pk)}
        return Response(BroadcastSentShape(shown, context=self.get_serializer_context()).data, status=202)

    def _stoppable(self, request: Request) -> Broadcast:
        broadcast: Broadcast = self.get_object()
        checked(NoBodyGiven(data=request.data))
        self._must_own(broadcast)
        return broadcast

    def _must_own(self, broadcast: Broadcast) -> None:
        """The scope lets a key in; staff stop their own, or any when they may approve."""
        staff = self.staff
        if staff is None or may(staff, "broadcasts.approve"):
            return
        if staff.pk not in (broadcast.created_by_id, broadcast.sent_by_id):
            raise Problem("forbidden", _("This broadcast is somebody else's."))


def _texts(given: dict[str, Any]) -> dict[str, Any]:
    if "variants" in given:
        given["variants"] = [VariantIn(**text) for text in given["variants"]]
    return given


@contextmanager
def _conflicts() -> Iterator[None]:
    """What the services refuse: each fault at its place, a state that does not allow this, a person who may not."""
    try:
        yield
    except InvalidBroadcast as error:
        raise faults(
            (fault.path.replace("[", ".").replace("]", "").split("."), fault.message, fault.code)
            for fault in error.faults
        ) from error
    except InvalidRule as error:
        raise faults((["rule"], fault.message, "invalid_rule") for fault in error.faults) from error
    except WrongState as error:
        raise Problem("conflict", str(error)) from error
    except NotAllowed as error:
        raise Problem("forbidden", str(error)) from error
