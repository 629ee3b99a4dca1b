"""When two records turn out to be one person: that person is on a broadcast's list once."""

from __future__ import annotations

from crm.models import Customer
from messaging.models import BroadcastRecipient

State = BroadcastRecipient.State


def merge_recipients(*, survivor: Customer, loser: Customer) -> None:
    """
    Have the places of `loser` on all lists be those of `survivor`.

    Where both are on one list and either has had a message, the other gets none.
    """
    theirs = {row.broadcast_id: row for row in BroadcastRecipient.objects.filter(customer=survivor)}
    of_loser = BroadcastRecipient.objects.filter(customer=loser)
    for row in of_loser.filter(broadcast__in=theirs, state=State.QUEUED):
        BroadcastRecipient.objects.filter(pk=theirs[row.broadcast_id].pk, state=State.WAITING).update(state=State.LEFT)
    of_loser.filter(broadcast__in=theirs, state=State.WAITING).update(state=State.LEFT)
    of_loser.exclude(broadcast__in=theirs).update(customer=survivor)
