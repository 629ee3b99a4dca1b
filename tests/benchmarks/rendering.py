"""Filling in a typical SMS: our fenced Liquid beside the bare library with its templates parsed beforehand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from liquid import Environment

from crm.models import Shop, Topic
from messaging.models import Message
from messaging.rendering.letters import Letters
from messaging.selectors.recipients import recipients
from messaging.texts import liquid
from tests.benchmarks import shop
from tests.benchmarks.harness import Rate, in_turn, row, scaled

NOW = datetime(2026, 3, 2, 5, tzinfo=UTC)
TIMES = scaled(20_000)
PLAIN = "Hello {{ customer.first_name }}, your order {{ order.order_id }} is on its way. {{ shop.name }}"
RICH = (
    "Hello {{ customer.first_name | default: 'there' }}, {% if order.items > 1 %}your {{ order.items }} things are"
    "{% else %}it is{% endif %} on the way: {{ order.order_id | upcase }}. {{ shop.name }}"
)
CONTEXT = {
    "customer": {"first_name": "Ploy"},
    "order": {"order_id": "a-17", "items": 2},
    "shop": {"name": "Baan Cha"},
}


def rows() -> list[dict[str, str]]:
    plain, bare_plain, rich, bare_rich, letters = in_turn(
        _ours(PLAIN), _bare(PLAIN), _ours(RICH), _bare(RICH), _letters()
    )
    return [
        row("SMS that names variables", Rate(plain, "texts"), Rate(bare_plain, "texts"), "0.6", "0.8"),
        row("SMS with filters and a branch", Rate(rich, "texts"), Rate(bare_rich, "texts"), "0.6", "0.8"),
        row("… as a letter: variant, context, links, segments", Rate(letters, "texts"), Rate(bare_plain, "texts")),
    ]


def _ours(source: str) -> Callable[[], int]:
    def fill() -> int:
        for _ in range(TIMES):
            liquid.parse(source).render(CONTEXT)
        return TIMES

    return fill


def _bare(source: str) -> Callable[[], int]:
    template = Environment().from_string(source)

    def fill() -> int:
        for _ in range(TIMES):
            template.render(**CONTEXT)
        return TIMES

    return fill


def _letters() -> Callable[[], int]:
    """What the sender does for each message of a batch."""
    topic = Topic.objects.order_by("pk")[0]
    (pk,) = shop.add_people(1, now=NOW, topic=topic)
    person = recipients([pk])[pk]
    message = Message(
        customer_id=pk, channel="sms", topic=topic, lane=0, language="en", source_body=PLAIN,
        context={"order": CONTEXT["order"]},
    )  # fmt: skip

    def fill() -> int:
        letters = Letters([message], Shop.current())
        for _ in range(TIMES):
            letters.compose(message, person)
        return TIMES

    return fill
