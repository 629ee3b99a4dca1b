"""Fields and shapes that several nouns share. What comes in and what goes out are separate classes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.settings import api_settings

from crm.lib.moments import InvalidMoment, read_moment, read_past
from crm.lib.money import InvalidMoney, Money
from crm.lib.phones import InvalidPhone, normalise_phone
from crm.models import Shop
from crm.services import identities as ids
from crm.services.customers import InvalidCustomer
from crm.services.identities import Identities
from crm.services.purchases import InvalidPurchase
from crm.services.reviews import InvalidReview
from crm.services.tickets import InvalidTicket
from crm.services.touchpoints import InvalidTouchpoint
from crm.services.work import InvalidWork

# What the records call differently from the API.
FIELD_NAMES = {"time_zone": "timezone", "is_complaint": "complaint"}
CURRENCY = r"^[A-Z]{3}$"
HERE = api_settings.NON_FIELD_ERRORS_KEY  # the framework's name for "this whole object"
MONEY_SCHEMA = {
    "type": "object",
    "required": ["amount", "currency"],
    "properties": {
        "amount": {"type": "string", "example": "1112.80"},
        "currency": {"type": "string", "pattern": CURRENCY, "example": "THB"},
    },
    "additionalProperties": False,
}
MONEY_OR_NULL = {**MONEY_SCHEMA, "nullable": True}
_IDS_SCHEMA = {"type": "object", "additionalProperties": {"type": "string"}, "example": {"webshop": "cust_1042"}}
IDENTITIES_SCHEMA = {
    "type": "object",
    "properties": {
        "email": {"type": "string"},
        "phone": {"type": "string", "example": "081 234 5678"},
        "line_id": {"type": "string"},
        "external": _IDS_SCHEMA,
        "anonymous": _IDS_SCHEMA,
    },
    "additionalProperties": False,
    "description": "At least one. `external` and `anonymous` are ids by source: a shop's own user ids and cookies.",
}


def at_most(entries: int) -> Callable[[Any], None]:
    """A validator for lists and objects."""

    def validate(value: Any) -> None:
        if len(value) > entries:
            raise ValidationError(_("has more than %(most)s entries") % {"most": entries}, "too_many")

    return validate


class Given(serializers.Serializer[Any]):
    """A body. Fields that it does not know are refused by name."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = {
            name: [ErrorDetail(_("Unknown field."), "unknown_field")]
            for name in (data if isinstance(data, Mapping) else ())
            if name not in self.fields or self.fields[name].read_only
        }
        try:
            value = super().to_internal_value(data)
        except ValidationError as error:
            raise ValidationError({**error.detail, **unknown}) from error  # type: ignore[dict-item]
        if unknown:
            raise ValidationError(unknown)
        return value


class Shape(serializers.Serializer[Any]):
    """An answer. `?fields=a,b` leaves only those."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        fields = super().get_fields()
        request = self.context.get("request")
        wanted = request.query_params.get("fields") if request is not None and self._is_outermost() else None
        if not wanted:
            return fields
        names = [name.strip() for name in wanted.split(",")]
        if unknown := [name for name in names if name not in fields]:
            raise ValidationError(
                {"fields": [ErrorDetail(_("There is no field %s.") % unknown[0][:60], "unknown_field")]}
            )
        return {name: field for name, field in fields.items() if name in names}

    def _is_outermost(self) -> bool:
        parent = self.parent
        return parent is None or (parent.parent is None and isinstance(parent, serializers.ListSerializer))


@extend_schema_field(MONEY_SCHEMA)
class MoneyField(serializers.Field[Money, Any, dict[str, str], Any]):
    """{"amount": "1112.80", "currency": "THB"}; the amount may be a number too."""

    def to_internal_value(self, data: Any) -> Money:
        if not isinstance(data, Mapping):
            raise ValidationError(_('must be an object {"amount": "1112.80", "currency": "THB"}'), "invalid")
        for name in data:
            if name not in ("amount", "currency"):
                raise ValidationError({name: [ErrorDetail(_("Unknown field."), "unknown_field")]})
        for name in ("amount", "currency"):
            if name not in data:
                raise ValidationError({name: [ErrorDetail(_("This field is required."), "required")]})
        try:
            return Money.of(data["amount"], data["currency"])
        except InvalidMoney as error:
            at = "currency" if "currency" in str(error) else "amount"
            raise ValidationError({at: [ErrorDetail(str(error), "invalid_money")]}) from error

    def to_representation(self, value: Money) -> dict[str, str]:
        return value.as_json()


class MomentField(serializers.DateTimeField):
    """A time with its offset. Unless `future` is allowed it must have come, give or take the clocks."""

    def __init__(self, *, future: bool = False, **kwargs: Any) -> None:
        self.future = future
        super().__init__(**kwargs)

    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str):
            raise ValidationError(_("must be a text such as 2026-04-06T04:33:20Z"), "invalid_time")
        try:
            return read_moment(value) if self.future else read_past(value, self.context["view"].now)
        except InvalidMoment as error:
            raise ValidationError(error.message, error.code) from error


class IdentitiesGiven(Given):
    """The ids by which a person is named."""

    email = serializers.CharField(required=False, allow_blank=True, max_length=254)
    phone = serializers.CharField(required=False, allow_blank=True, max_length=60)
    line_id = serializers.CharField(required=False, allow_blank=True, max_length=64)
    external = serializers.DictField(
        child=serializers.CharField(max_length=254), required=False, validators=[at_most(20)]
    )
    anonymous = serializers.DictField(
        child=serializers.CharField(max_length=254), required=False, validators=[at_most(20)]
    )

    def to_internal_value(self, data: Any) -> Identities:
        given = super().to_internal_value(data)
        try:
            return ids.clean(
                email=given.get("email", ""),
                phone=given.get("phone", ""),
                line_id=given.get("line_id", ""),
                external=given.get("external", {}).items(),
                anonymous=given.get("anonymous", {}).items(),
            )
        except ids.InvalidIdentity as error:
            path = [] if error.field == "identities" else error.field.split(".", 1)
            raise fault(path, error.message, f"invalid_{error.field.partition('.')[0]}") from error


@extend_schema_field({"oneOf": [{"type": "string", "format": "uuid"}, IDENTITIES_SCHEMA]})
class CustomerField(serializers.Field[Any, Any, Any, Any]):
    """A customer: our id, or an object of identities. Becomes a UUID or Identities."""

    def to_internal_value(self, data: Any) -> UUID | Identities:
        if isinstance(data, str):
            try:
                return UUID(data)
            except ValueError as error:
                raise ValidationError(_("is neither a customer's id nor an object of identities"), "invalid") from error
        given = IdentitiesGiven(data=data, context=self.context)
        given.is_valid(raise_exception=True)
        found: Identities = given.validated_data
        return found


@extend_schema_field(
    {"type": "object", "required": ["source", "reference"],
     "properties": {"source": {"type": "string"}, "reference": {"type": "string"}}, "additionalProperties": False}
)  # fmt: skip
class PurchaseField(Given):
    """Which purchase: {"source": "webshop", "reference": "1001"}."""

    source = serializers.CharField(max_length=64)  # type: ignore[assignment] # a field of that name
    reference = serializers.CharField(max_length=100)


class PhoneField(serializers.CharField):
    """A phone number in any way of writing; becomes E.164."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        try:
            return normalise_phone(text, Shop.current().country) if text else ""
        except InvalidPhone as error:
            raise ValidationError(str(error), "invalid_phone") from error


def checked(given: serializers.BaseSerializer[Any]) -> dict[str, Any]:
    """
    What the body says, read and checked.

    Raises:
        ValidationError: with every fault and its place.
    """
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)


@contextmanager
def named_faults(*base: str) -> Iterator[None]:
    """Turn what a service says of a field into the API's error at that field, below `base`."""
    try:
        yield
    except (InvalidCustomer, InvalidPurchase, InvalidReview, InvalidTicket, InvalidTouchpoint, InvalidWork) as error:
        # A service writes "items[0].price" for what the body calls /items/0/price.
        path = [FIELD_NAMES.get(name, name) for name in re.split(r"[\[\].]+", error.field) if name]
        raise fault([*base, *path], error.message, "invalid") from error


def fault(path: Sequence[str], message: object, code: str) -> ValidationError:
    """One error at `path` of the body."""
    return faults([(path, message, code)])


def faults(errors: Iterable[tuple[Sequence[str], object, str]]) -> ValidationError:
    """Errors as (path, message, code), each at its place in the body; a place may be wrong in itself and further in."""
    detail: dict[str, Any] = {}
    for path, message, code in errors:
        here = detail
        for key in path:
            here = here.setdefault(key, {})
        here.setdefault(HERE, []).append(ErrorDetail(str(message), code))
    return ValidationError(detail)
