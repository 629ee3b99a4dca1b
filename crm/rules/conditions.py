"""The leaves of the rule grammar over customers. Apps above add theirs with `register`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from django.db.models import Avg, Count, Exists, OuterRef, Q, QuerySet, Sum
from pydantic import Field, TypeAdapter, model_validator

from crm.lib.money import exponent
from crm.models import Consent, Customer, Event, Purchase, Review, Ticket
from crm.rules import properties
from crm.rules.schema import Compare, IsoDuration, Name, Scalar, Shape, Where, WhereList, within_delta


@dataclass(frozen=True, slots=True)
class Context:
    """What a condition may depend on besides the rows: the instant it is asked."""

    now: datetime


@dataclass(frozen=True, slots=True)
class Condition:
    """A kind of leaf: how its JSON is read, and the Q over Customer that it means."""

    kind: str
    adapter: TypeAdapter[Any]
    compile: Callable[[Any, Context], Q]


_conditions: dict[str, Condition] = {}


def register(kind: str, shape: Any, compile_: Callable[[Any, Context], Q]) -> None:
    """
    Add the leaf `{kind: …}`.

    Args:
        shape: a pydantic model or annotated type that reads the leaf's value.
        compile_: (value, context) → Q over Customer.

    Raises:
        ValueError: the kind exists.
    """
    if kind in _conditions:
        raise ValueError(f"condition {kind!r} is registered twice")
    _conditions[kind] = Condition(kind, TypeAdapter(shape), compile_)


def get(kind: str) -> Condition | None:
    return _conditions.get(kind)


def kinds() -> list[str]:
    return sorted(_conditions)


def compared(name: str, compare: Compare) -> Q:
    """`name` (a field or an annotation) held against the bounds."""
    found = Q()
    for operator, bound in compare.bounds():
        if operator == "ne":
            found &= ~Q(**{name: bound})
        else:
            found &= Q(**{name if operator == "eq" else f"{name}__{operator}": bound})
    return found


# --- customer field, custom attribute, tag ----------------------------------------------------

TEXT_FIELDS = ("name", "email", "phone", "line_id", "language", "time_zone", "source", "owner", "company")


class FieldTest(Shape):
    """One of the record's own fields; dates compare as ISO text."""

    name: Literal[
        "name", "email", "phone", "line_id", "language", "time_zone", "source", "owner", "company", "birthday",
        "created_at", "last_seen_at",
    ]  # fmt: skip
    op: Literal["eq", "ne", "contains", "exists", "not_exists", "before", "after", "within"]
    value: Annotated[str, Field(max_length=200)] | None = None

    @model_validator(mode="after")
    def _fits(self) -> FieldTest:
        if (self.value is None) != (self.op in {"exists", "not_exists"}):
            raise ValueError(f"{self.op} takes {'no' if self.value is not None else 'a'} value")
        dated = self.name not in TEXT_FIELDS
        if self.op in {"before", "after", "within"} and not dated:
            raise ValueError(f"{self.op} is for dates, {self.name} is text")
        if self.op in {"eq", "ne", "contains"} and dated:
            raise ValueError(f"{self.op} is for text, {self.name} is a date")
        if self.op == "within":
            within_delta(self.value or "")
        elif self.op in {"before", "after"}:
            datetime.fromisoformat(self.value or "")
        return self


def _field(test: FieldTest, context: Context) -> Q:
    column = {"owner": "owner__username", "company": "company__name"}.get(test.name, test.name)
    dated = test.name not in TEXT_FIELDS
    missing = Q(**{f"{column}__isnull": True}) if dated else Q(**{f"{column}__isnull": True}) | Q(**{column: ""})
    match test.op:
        case "exists":
            return ~missing
        case "not_exists":
            return missing
        case "eq":
            return Q(**{column: test.value})
        case "ne":
            return ~Q(**{column: test.value})
        case "contains":
            return Q(**{f"{column}__icontains": test.value})
        case "within":
            return Q(**{f"{column}__gte": context.now - within_delta(test.value or ""), f"{column}__lte": context.now})
    bound = datetime.fromisoformat(test.value or "")
    if bound.tzinfo is None and test.name != "birthday":
        bound = bound.replace(tzinfo=context.now.tzinfo)
    return Q(**{f"{column}__{'lt' if test.op == 'before' else 'gt'}": bound})


class AttributeTest(Shape):
    """A custom attribute, tested like an event's property."""

    name: Name
    op: Literal["eq", "ne", "gt", "gte", "lt", "lte", "in", "not_in", "contains", "exists", "not_exists"]
    value: Scalar | list[Scalar] | None = None

    @model_validator(mode="after")
    def _fits(self) -> AttributeTest:
        self.as_where()
        return self

    def as_where(self) -> Where:
        return Where(property=self.name, op=self.op, value=self.value)


def _attribute(test: AttributeTest, context: Context) -> Q:
    return properties.condition([test.as_where()], "attributes")


def _tag(name: str, context: Context) -> Q:
    return Q(Exists(Customer.tags.through.objects.filter(customer_id=OuterRef("pk"), tag__name=name)))


# --- events -----------------------------------------------------------------------------------


class EventTest(Shape):
    """Did `name`, as often as `count` says (default: once or more), in the last `within`, with these properties."""

    name: Name
    count: Compare | None = None
    within: IsoDuration | None = None
    where: WhereList = []


def _event(test: EventTest, context: Context) -> Q:
    events = Event.objects.filter(properties.condition(test.where), name=test.name, occurred_at__lte=context.now)
    if test.within:
        events = events.filter(occurred_at__gte=context.now - within_delta(test.within))
    if test.count is None:
        return Q(Exists(events.filter(customer_id=OuterRef("pk"))))
    return _counted(events, test.count)


def _counted(rows: QuerySet[Any], count: Compare) -> Q:
    """Customers with that many of `rows`; nobody's rows count as 0, so a bound that 0 satisfies turns round."""
    counted = rows.values("customer_id").annotate(n=Count("pk"))
    if count.holds(0):
        return ~Q(pk__in=counted.exclude(compared("n", count)).values("customer_id"))
    return Q(pk__in=counted.filter(compared("n", count)).values("customer_id"))


# --- records ----------------------------------------------------------------------------------


class PurchasesTest(Shape):
    """Aggregates over the orders that stand (cancelled ones do not). Amounts are in the currency's own units."""

    count: Compare | None = None
    total: Compare | None = None
    average: Compare | None = None
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "THB"
    within: IsoDuration | None = None
    last_before: IsoDuration | None = None
    product: Name | None = None
    category: Name | None = None
    late: bool | None = None


def _purchases(test: PurchasesTest, context: Context) -> Q:
    orders = Purchase.objects.counted()
    if test.within:
        orders = orders.filter(placed_at__gte=context.now - within_delta(test.within), placed_at__lte=context.now)
    if test.product:
        orders = orders.filter(items__sku=test.product).distinct()
    if test.category:
        orders = orders.filter(items__product__category=test.category).distinct()
    if test.late is not None:
        late = orders.overdue(context.now).values("pk")
        orders = orders.filter(pk__in=late) if test.late else orders.exclude(pk__in=late)
    found = Q()
    if test.count or not (test.total or test.average or test.last_before):
        found &= _counted(orders, test.count or Compare(gte=Decimal(1)))
    places = exponent(test.currency)
    for compare, aggregate in ((test.total, Sum), (test.average, Avg)):
        if compare:
            minor = Compare(**{name: bound.scaleb(places) for name, bound in compare.bounds()})
            sums = orders.filter(currency=test.currency).values("customer_id").annotate(n=aggregate("total_minor"))
            found &= Q(pk__in=sums.filter(compared("n", minor)).values("customer_id"))
    if test.last_before:
        recent = orders.filter(placed_at__gt=context.now - within_delta(test.last_before))
        found &= Q(Exists(orders.filter(customer_id=OuterRef("pk")))) & ~Q(
            Exists(recent.filter(customer_id=OuterRef("pk")))
        )
    return found


class TicketTest(Shape):
    open: bool = True
    kind: Literal["enquiry", "after_sales"] | None = None
    complaint: bool | None = None


def _ticket(test: TicketTest, context: Context) -> Q:
    tickets = Ticket.objects.unsolved().filter(customer_id=OuterRef("pk"))
    if test.kind:
        tickets = tickets.filter(kind=test.kind)
    if test.complaint is not None:
        tickets = tickets.filter(is_complaint=test.complaint)
    return Q(Exists(tickets)) if test.open else ~Q(Exists(tickets))


class ReviewTest(Shape):
    rating: Compare | None = None
    within: IsoDuration | None = None
    status: Literal["pending", "published", "rejected"] | None = None


def _review(test: ReviewTest, context: Context) -> Q:
    reviews = Review.objects.filter(customer_id=OuterRef("pk"))
    if test.rating:
        reviews = reviews.filter(compared("rating", test.rating))
    if test.within:
        reviews = reviews.filter(reviewed_at__gte=context.now - within_delta(test.within))
    if test.status:
        reviews = reviews.filter(status=test.status)
    return Q(Exists(reviews))


class ConsentTest(Shape):
    channel: Literal["sms", "email", "line"]
    topic: Name
    state: Literal["in", "out", "none"] = "in"


def _consent(test: ConsentTest, context: Context) -> Q:
    rows = Consent.objects.filter(customer_id=OuterRef("pk"), channel=test.channel, topic__slug=test.topic)
    if test.state == "none":
        return ~Q(Exists(rows))
    return Q(Exists(rows.filter(state=test.state)))


register("field", FieldTest, _field)
register("attribute", AttributeTest, _attribute)
register("tag", Annotated[str, Field(min_length=1, max_length=64)], _tag)
register("event", EventTest, _event)
register("purchases", PurchasesTest, _purchases)
register("ticket", TicketTest, _ticket)
register("review", ReviewTest, _review)
register("consent", ConsentTest, _consent)
