"""What several lists can be narrowed by."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.forms import CharField, ValidationError

from crm.lib.moments import InvalidMoment, read_moment


class _Moment(CharField):
    """An RFC 3339 time in the address."""

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        try:
            # A "+" that the sender did not escape has become a space.
            return read_moment(text.replace(" ", "+")) if text else None
        except InvalidMoment as error:
            raise ValidationError(error.message, error.code) from error


class MomentFilter(django_filters.Filter):  # type: ignore[misc] # ships no types
    field_class = _Moment


class CustomerFilter(django_filters.UUIDFilter):  # type: ignore[misc]
    """Records of one customer, by public id."""

    def filter(self, queryset: QuerySet[Any], value: Any) -> QuerySet[Any]:
        return queryset.filter(customer__public_id=value) if value else queryset
