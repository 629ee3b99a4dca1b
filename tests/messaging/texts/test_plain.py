"""The short way says what the long way says, or nothing."""

from dataclasses import replace
from typing import Any

import pytest

from messaging.texts import liquid
from messaging.texts.plain import put_together

DATA: dict[str, Any] = {
    "customer": {"first_name": "Ann", "name": "", "attributes": {"size": 38, "tags": ["a", "b"], "note": "a\r\nb"}},
    "order": {"order_id": "A-7", "total": 590, "gift": True, "note": None},
}


def both(source: str, data: dict[str, Any] = DATA) -> tuple[str, str]:
    template = liquid.parse(source)
    return template.render(data), replace(template, pieces=None).render(data)


@pytest.mark.parametrize(
    "source",
    [
        "Hello", "Hello {{ customer.first_name }}", "{{customer.first_name}}: {{ order.order_id }}.",
        "{{ customer.name }}", "สวัสดี {{ customer.first_name }} 😀", "one\ntwo {{ order['order_id'] }}",
    ],
)  # fmt: skip
def test_a_text_that_only_names_variables_takes_the_short_way(source: str) -> None:
    pieces = liquid.parse(source).pieces
    assert pieces is not None
    short, long = both(source)
    assert short == long == put_together(pieces, DATA, limit=1_000)


@pytest.mark.parametrize(
    "source",
    [
        "{{ order.total }}", "{{ order.gift }}", "{{ order.note }}", "{{ customer.attributes.tags }}", "one\r\ntwo",
        "{{ customer.attributes.note }}", "{{ customer.attributes.tags.size }}", "{{ customer.attributes.tags[0] }}",
        "{{ customer.first_name | upcase }}", "{% if order.gift %}yes{% endif %}",
        "{{ customer.attributes.colour | default: 'any' }}", "{% assign x = order.total %}{{ x }}",
    ],
)  # fmt: skip
def test_whatever_else_there_is_goes_the_long_way(source: str) -> None:
    pieces = liquid.parse(source).pieces
    assert pieces is None or put_together(pieces, DATA, limit=1_000) is None
    short, long = both(source)
    assert short == long


@pytest.mark.parametrize("source", ["{{ order.missing }}", "{{ cart.id }}", "{{ order.order_id.more }}"])
def test_what_is_missing_is_the_error_it_always_was(source: str) -> None:
    template = liquid.parse(source)
    with pytest.raises(liquid.RenderFailed) as short:
        template.render(DATA)
    with pytest.raises(liquid.RenderFailed) as long:
        replace(template, pieces=None).render(DATA)
    assert str(short.value) == str(long.value)


def test_in_html_what_variables_bring_in_is_escaped_still() -> None:
    template = liquid.parse("<b>{{ customer.first_name }}</b>", html=True)
    assert template.render({"customer": {"first_name": "<i>"}}) == "<b>&lt;i&gt;</b>"


@pytest.mark.parametrize("value", ["x" * (liquid.MAX_OUTPUT + 1), "\ud800"], ids=["too long", "no text"])
def test_what_cannot_be_written_is_refused_the_long_way(value: str) -> None:
    with pytest.raises(liquid.RenderFailed, match=r"limit|surrogates"):
        liquid.parse("{{ order.order_id }}").render({"order": {"order_id": value}})
