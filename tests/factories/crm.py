"""Rows of crm, as plain as they can be."""

from datetime import UTC, datetime, timedelta

import factory
from factory.django import DjangoModelFactory

from crm.models import (
    Customer,
    Product,
    Promotion,
    Purchase,
    PurchaseItem,
    Review,
    Shop,
    Ticket,
    TicketMessage,
    Topic,
    Touchpoint,
    User,
)  # fmt: skip

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)  # a Monday


class UserFactory(DjangoModelFactory[User]):
    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"staff{n}")
    email = factory.LazyAttribute(lambda user: f"{user.username}@example.com")
    role = User.Role.ADMIN
    is_staff = True


class CustomerFactory(DjangoModelFactory[Customer]):
    class Meta:
        model = Customer

    name = factory.Sequence(lambda n: f"Customer {n}")
    email = factory.Sequence(lambda n: f"customer{n}@example.com")
    phone = factory.Sequence(lambda n: f"+6681{n + 1_000_000:07d}")
    time_zone = "Asia/Bangkok"
    created_at = NOON


class ProductFactory(DjangoModelFactory[Product]):
    class Meta:
        model = Product

    sku = factory.Sequence(lambda n: f"SKU-{n}")
    name = factory.Sequence(lambda n: f"Product {n}")


class PurchaseFactory(DjangoModelFactory[Purchase]):
    class Meta:
        model = Purchase

    customer = factory.SubFactory(CustomerFactory)
    source = "web"
    reference = factory.Sequence(lambda n: f"{n + 1000}")
    currency = "THB"
    total_minor = 50_000
    placed_at = NOON


class PurchaseItemFactory(DjangoModelFactory[PurchaseItem]):
    class Meta:
        model = PurchaseItem

    purchase = factory.SubFactory(PurchaseFactory)
    sku = "KTL-1"
    name = "Kettle"
    price_minor = 25_000
    quantity = 2


class TicketFactory(DjangoModelFactory[Ticket]):
    class Meta:
        model = Ticket

    customer = factory.SubFactory(CustomerFactory)
    subject = "Which size fits?"
    opened_at = NOON
    last_message_at = NOON


class TicketMessageFactory(DjangoModelFactory[TicketMessage]):
    """What the customer says."""

    class Meta:
        model = TicketMessage

    ticket = factory.SubFactory(TicketFactory)
    author = TicketMessage.Author.CUSTOMER
    channel = factory.SelfAttribute("ticket.channel")
    body = "Which one is it?"
    created_at = NOON


class ReviewFactory(DjangoModelFactory[Review]):
    class Meta:
        model = Review

    customer = factory.SubFactory(CustomerFactory)
    reference = factory.Sequence(lambda n: f"review-{n}")
    rating = 5
    body = "Pours well."
    reviewed_at = NOON


class TouchpointFactory(DjangoModelFactory[Touchpoint]):
    class Meta:
        model = Touchpoint

    name = factory.Sequence(lambda n: f"Flyer {n}")
    kind = Touchpoint.Kind.FLYER
    url = "https://shop.example.com/"


class TopicFactory(DjangoModelFactory[Topic]):
    class Meta:
        model = Topic
        django_get_or_create = ("slug",)

    slug = "promotions"
    name = "Promotions"


def sales_see_their_own() -> None:
    """Set the shop so that sales see only the customers they own and those nobody owns."""
    shop = Shop.current()
    shop.sales_see = Shop.SalesSee.OWN
    shop.save()


def later(**delta: float) -> datetime:
    """NOON and so much time behind it."""
    return NOON + timedelta(**delta)


class PromotionFactory(DjangoModelFactory[Promotion]):
    class Meta:
        model = Promotion

    slug = factory.Sequence(lambda n: f"promotion-{n}")
    name = factory.Sequence(lambda n: f"Promotion {n}")
    kind = Promotion.Kind.PERCENT
    percent = 10
    created_at = NOON
