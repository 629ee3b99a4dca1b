"""`where` in Python and in SQL: the same answers on random data."""

from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm.models import Event
from crm.rules import properties
from crm.rules.schema import Where
from tests.factories.crm import NOON, CustomerFactory

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**6), 10**6),
    st.floats(-1e6, 1e6).map(lambda value: round(value, 3)),
    st.sampled_from(["", "100", "99.50", "abc", "Abc", "true", "2026-01-02", "ชา", "-5", "1e5", " 7"]),
)
PROPERTIES = st.dictionaries(
    st.sampled_from(["a", "b"]),
    st.one_of(SCALARS, st.dictionaries(st.just("c"), SCALARS), st.lists(SCALARS, max_size=2)),
)
VALUES = st.one_of(
    st.booleans(), st.integers(-100, 10**4), st.sampled_from([99.5, "100", "abc", "true", "2026-01-01", "ชา", "7"])
)
ORDERED = st.one_of(st.integers(-100, 10**4), st.sampled_from([99.5, "100", "abc", "2026-01-01"]))
PATHS = st.sampled_from(["a", "b", "a.c"])
TESTS = st.one_of(
    st.builds(Where, property=PATHS, op=st.sampled_from(["exists", "not_exists"])),
    st.builds(
        Where, property=PATHS, op=st.sampled_from(["in", "not_in"]), value=st.lists(VALUES, min_size=1, max_size=3)
    ),
    st.builds(Where, property=PATHS, op=st.sampled_from(["eq", "ne", "contains"]), value=VALUES),
    st.builds(Where, property=PATHS, op=st.sampled_from(["gt", "gte", "lt", "lte"]), value=ORDERED),
)


@pytest.mark.django_db
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(PROPERTIES, min_size=1, max_size=8), where=st.lists(TESTS, min_size=1, max_size=2))
def test_python_and_sql_agree(db: None, rows: list[dict[str, Any]], where: list[Where]) -> None:
    with transaction.atomic():
        customer = CustomerFactory.create()
        for key, row in enumerate(rows):
            Event.objects.create(
                customer=customer, name="X", occurred_at=NOON, received_at=NOON, source="t", dedupe_key=str(key),
                properties=row,
            )  # fmt: skip
        found = Event.objects.filter(properties.condition(where), name="X").values_list("dedupe_key", flat=True)
        in_sql = {int(key) for key in found}
        transaction.set_rollback(True)

    assert in_sql == {key for key, row in enumerate(rows) if properties.matches(where, row)}


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        (Where(property="total", op="gte", value=1000), True),
        (Where(property="total", op="gt", value=1112.8), False),
        (Where(property="total", op="eq", value=1112.80), True),
        (Where(property="coupon", op="exists"), False),
        (Where(property="coupon", op="ne", value="X"), True),
        (Where(property="address.city", op="eq", value="Bangkok"), True),
        (Where(property="address", op="exists"), False),
        (Where(property="name", op="contains", value="KETT"), True),
        (Where(property="name", op="gte", value=5), False),
    ],
)
def test_amounts_sent_as_text_count_as_numbers(test: Where, expected: bool) -> None:
    order = {"total": "1112.80", "coupon": None, "address": {"city": "Bangkok"}, "name": "Kettle"}

    assert properties.matches([test], order) is expected
