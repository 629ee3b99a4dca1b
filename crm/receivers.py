"""
The one bridge from Django's model signals to the event log: a saved row becomes the facts its dates stand for.

And what crm itself does about facts: whoever subscribed to them is told.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate, post_save
from django.dispatch import receiver
from django.utils import timezone

from crm import metrics  # noqa: F401 - importing it is what registers its figures
from crm.events import log
from crm.events.signals import events_recorded
from crm.lib import postgres, stamps
from crm.models import Customer, Event, Note, Purchase, Refund, Review, Task, Ticket, TicketMessage, TouchpointVisit
from crm.models.factual import Factual
from crm.services import attributes, hooks, identities

# Tables of configuration are stamped by triggers, which `migrate` makes where they are missing.
post_migrate.connect(stamps.install, sender=apps.get_app_config("crm"), dispatch_uid="crm.stamps")

connection_created.connect(postgres.teach, dispatch_uid="crm.postgres")

FACTUAL = (Customer, Purchase, Refund, Ticket, TicketMessage, Review, TouchpointVisit, Note, Task)


def log_facts(instance: Factual, raw: bool = False, **kwargs: Any) -> None:
    """Record the facts of a row however it was saved: service, admin, API, UI or shell."""
    if not raw and not instance.facts_deferred:
        log.record_many(instance.facts(), now=timezone.now())


for model in FACTUAL:
    post_save.connect(log_facts, sender=model, dispatch_uid=f"crm.log_facts.{model.__name__}")


@receiver(post_save, sender=Customer, dispatch_uid="crm.log_changes")
def log_changes(instance: Customer, raw: bool = False, **kwargs: Any) -> None:
    """A date that a flow waits for may have moved, whoever moved it."""
    if not raw:
        now = instance.changed_at or timezone.now()
        log.record_many(attributes.changes_of(instance, now=now), now=now)


@receiver(post_save, sender=Customer, dispatch_uid="crm.keep_identities")
def keep_identities(instance: Customer, raw: bool = False, **kwargs: Any) -> None:
    """An address typed into the record is an id to find the person by, whoever typed it."""
    if not raw:
        identities.keep_addresses(instance, now=timezone.now())


@receiver(events_recorded, dispatch_uid="crm.tell_endpoints", only=hooks.names_wanted)  # type: ignore[arg-type]  # it connects like a Signal
def tell_endpoints(events: Sequence[Event], now: datetime, **kwargs: Any) -> None:
    """Put a delivery in line for every endpoint that subscribed to one of these facts, in their transaction."""
    hooks.queue_facts(events, now=now)
