"""A world of the reference evaluator, as rows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from crm.models import (
    Company,
    Consent,
    Customer,
    Event,
    Product,
    Purchase,
    PurchaseItem,
    Review,
    Segment,
    Tag,
    Ticket,
    Topic,
    User,
)
from journeys.models import Journey, Position, Stage
from tests.crm.rules.reference import Person, World
from tests.crm.rules.strategies import TAGS, TOPICS


def populate(world: World, people: Sequence[Person]) -> list[Customer]:
    """Write it down without anybody reacting; the customers in the order of `people`."""
    numbers = count()
    owners = {name: User.objects.create(username=name) for name in ("nok", "Somchai")}
    companies = {name: Company.objects.create(name=name) for name in ("Acme", "Siam Tea")}
    named = {"owner": owners, "company": companies}
    customers = Customer.objects.bulk_create(
        Customer(
            attributes=person.attributes,
            **{name: named[name].get(value) if name in named else value for name, value in person.fields.items()},
        )
        for person in people
    )
    tags = {name: Tag.objects.create(name=name) for name in TAGS}
    topics = {slug: Topic.objects.get_or_create(slug=slug, defaults={"name": slug})[0] for slug in TOPICS}
    products = {sku: Product.objects.create(sku=sku, category=category) for sku, category in world.categories.items()}
    journey = Journey.objects.get(slug="five-stage")
    stages = {stage.slug: stage for stage in Stage.objects.filter(journey=journey)}
    for slug, rule in world.segments.items():
        Segment.objects.create(slug=slug, name=slug, rule=rule)
    for customer, person in zip(customers, people, strict=True):
        customer.tags.set(tags[name] for name in person.tags)
        Consent.objects.bulk_create(
            Consent(customer=customer, channel=channel, topic=topics[topic], state=state, since=world.now)
            for (channel, topic), state in person.consents.items()
        )
        Event.objects.bulk_create(
            Event(
                customer=customer, name=event.name, occurred_at=event.at, received_at=world.now, source="t",
                dedupe_key=str(next(numbers)), properties=event.properties,
            )
            for event in person.events
        )  # fmt: skip
        for order in person.orders:
            (purchase,) = Purchase.objects.bulk_create(
                [
                    Purchase(
                        customer=customer, source="t", reference=str(next(numbers)), placed_at=order.at,
                        total_minor=order.total, refunded_minor=order.refunded, currency=order.currency,
                        status="cancelled" if order.cancelled else "placed", promised_at=order.promised_at,
                        cancelled_at=world.now if order.cancelled else None,
                        delivered_at=world.now if order.delivered else None,
                    )
                ]
            )  # fmt: skip
            PurchaseItem.objects.bulk_create(
                PurchaseItem(purchase=purchase, sku=sku, product=products[sku], price_minor=1) for sku in order.skus
            )
        Ticket.objects.bulk_create(
            Ticket(
                customer=customer, subject="?", kind=ticket.kind, status=ticket.status, opened_at=ticket.at,
                is_complaint=ticket.complaint,
            )
            for ticket in person.tickets
        )  # fmt: skip
        Review.objects.bulk_create(
            Review(
                customer=customer, source="t", reference=str(next(numbers)), rating=review.rating,
                status=review.status, site=review.site, reviewed_at=review.at,
            )
            for review in person.reviews
        )  # fmt: skip
        if person.place and person.place.stage:
            Position.objects.create(
                customer=customer, journey=journey, stage=stages[person.place.stage], since=person.place.since,
                health=person.place.health,
            )  # fmt: skip
    return customers
