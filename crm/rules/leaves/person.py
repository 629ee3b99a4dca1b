"""Leaves about the customer's own record: its fields, custom attributes, tags and consent."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from django.db.models import BooleanField, F, Func, Q, QuerySet
from pydantic import Field, model_validator

from crm.models import Company, Consent, Customer, User
from crm.rules import properties
from crm.rules.conditions import Context, register
from crm.rules.schema import Name, PropertyPath, Scalar, Shape, Slug, Text, Where, within_delta
from crm.rules.sets import Whose

TEXT_FIELDS = ("name", "email", "phone", "line_id", "language", "time_zone", "source")
NAMED_FIELDS = {"owner": (User, "username"), "company": (Company, "name")}
DATE_FIELDS = ("birthday", "created_at", "last_seen_at")
# Dates that a database, a calendar and a conversion between zones all know.
EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


class FieldTest(Shape):
    """
    One of the record's own fields.

    Texts: `eq`, `ne`, `contains`. Dates: `before`, `after` an ISO 8601 date or time (UTC unless it says its offset) and
    `within` the last …, an ISO 8601 duration. Both: `exists`, `not_exists`. An empty text is as good as none.
    """

    name: Literal[
        "name", "email", "phone", "line_id", "language", "time_zone", "source", "owner", "company", "birthday",
        "created_at", "last_seen_at",
    ]  # fmt: skip
    op: Literal["eq", "ne", "contains", "exists", "not_exists", "before", "after", "within"]
    value: Text | None = None

    @model_validator(mode="after")
    def _fits(self) -> FieldTest:
        if (self.value is None) != (self.op in {"exists", "not_exists"}):
            raise ValueError(f"{self.op} takes {'no' if self.value is not None else 'a'} value")
        dated = self.name in DATE_FIELDS
        if self.op in {"before", "after", "within"} and not dated:
            raise ValueError(f"{self.op} is for dates, {self.name} is text")
        if self.op in {"eq", "ne", "contains"} and dated:
            raise ValueError(f"{self.op} is for text, {self.name} is a date")
        if self.op == "within":
            within_delta(self.value or "")
        elif self.op in {"before", "after"}:
            _moment(self.value or "")
        return self


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError("not an ISO 8601 date or time") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if not EARLIEST <= moment <= LATEST:
        raise ValueError("not a date from 1900 to 2200")
    return moment


class Says(Func):
    """A text column that is never NULL, held against a text: `eq`, or `contains` whatever the case of A to Z."""

    output_field = BooleanField()
    conditional = True

    def __init__(self, field: str, op: str, text: str) -> None:
        super().__init__(F(field))
        self.op, self.text = op, text

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self._sql(compiler, 'strpos(LOWER({} COLLATE "C"), %s) > 0')

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self._sql(compiler, "instr(LOWER({}), %s) > 0")

    def _sql(self, compiler: Any, contains: str) -> tuple[str, list[Any]]:
        column, params = compiler.compile(self.source_expressions[0])
        if self.op == "contains":
            return contains.format(column), [*params, properties.folded(self.text)]
        return f"{column} = %s", [*params, self.text]


def _field(test: FieldTest, context: Context) -> Q:
    if test.op in {"exists", "not_exists"}:
        missing = Q(**{test.name: ""}) if test.name in TEXT_FIELDS else Q(**{f"{test.name}__isnull": True})
        return missing if test.op == "not_exists" else ~missing
    if test.name in DATE_FIELDS:
        return _date(test, context.now)
    text, op = test.value or "", "contains" if test.op == "contains" else "eq"
    if test.name in NAMED_FIELDS:
        model, name = NAMED_FIELDS[test.name]
        rows: QuerySet[Any] = model._default_manager.filter(Says(name, op, text))
        found = Q(**{f"{test.name}__in": rows.values("pk")})
    else:
        found = Q(Says(test.name, op, text))
    return ~found if test.op == "ne" else found


def _date(test: FieldTest, now: datetime) -> Q:
    if test.op == "within":
        since, until = _as_stored(test.name, now - within_delta(test.value or "")), _as_stored(test.name, now)
        return Q(**{f"{test.name}__gte": since, f"{test.name}__lte": until})
    bound = _as_stored(test.name, _moment(test.value or ""))
    return Q(**{f"{test.name}__{'lt' if test.op == 'before' else 'gt'}": bound})


def _as_stored(name: str, moment: datetime) -> Any:
    return moment.astimezone(UTC).date() if name == "birthday" else moment


class AttributeTest(Shape):
    """A custom attribute, tested like an event's property."""

    name: PropertyPath
    op: Literal["eq", "ne", "gt", "gte", "lt", "lte", "in", "not_in", "contains", "exists", "not_exists"]
    value: Scalar | Annotated[list[Scalar], Field(max_length=200)] | None = None

    @model_validator(mode="after")
    def _fits(self) -> AttributeTest:
        self.as_where()
        return self

    def as_where(self) -> Where:
        return Where(property=self.name, op=self.op, value=self.value)


def _attribute(test: AttributeTest, context: Context) -> Q:
    return properties.condition([test.as_where()], "attributes")


Tagged = Annotated[Name, Field(max_length=64)]


def _tag(name: str, context: Context) -> Q:
    tagged = Customer.tags.through._default_manager.filter(tag__name=name)
    return Q(Whose(context.of_batch(tagged).values("customer_id")))


class ConsentTest(Shape):
    """What they said to a topic on a channel: `in` (the default), `out`, or `none`: they never said."""

    channel: Literal["sms", "email", "line"]
    topic: Slug
    state: Literal["in", "out", "none"] = "in"


def _consent(test: ConsentTest, context: Context) -> Q:
    rows = context.of_batch(Consent.objects.filter(channel=test.channel, topic__slug=test.topic))
    if test.state == "none":
        return ~Q(Whose(rows.values("customer_id")))
    return Q(Whose(rows.filter(state=test.state).values("customer_id")))


register("field", FieldTest, _field)
register("attribute", AttributeTest, _attribute)
register("tag", Tagged, _tag)
register("consent", ConsentTest, _consent)
