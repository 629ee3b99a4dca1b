"""Addresses that nothing is sent to: put there by hand, and taken off again."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from crm.models import User
from messaging.models import Suppression
from messaging.outbox import addresses


class NotStanding(ValueError):
    """Somebody has lifted it before."""


def add_suppression(
    *, channel: str, address: str, scope: str, reason: str, actor: User, now: datetime
) -> Suppression | None:
    """
    Send nothing of `scope` to `address` any more; None when staff had said so before.

    Args:
        address: in its one form: E.164, or an email address.
    """
    return addresses.suppress(
        channel, address, scope=scope, cause=Suppression.Cause.STAFF, now=now,
        detail={"reason": reason, "by": str(actor)},
    )  # fmt: skip


@transaction.atomic
def lift_suppression(suppression: Suppression, *, reason: str, actor: User, now: datetime) -> Suppression:
    """
    Let messages to this address go out again, as far as consent allows: what a STOP withdrew stays withdrawn.

    Raises:
        NotStanding
    """
    row = Suppression.objects.select_for_update().get(pk=suppression.pk)
    if row.lifted_at is not None:
        raise NotStanding("it has been lifted")
    row.lifted_at = now
    row.detail = {**row.detail, "lifted": {"reason": reason, "by": str(actor)}}
    row.save(update_fields=["lifted_at", "detail"])
    return row
