"""Call another system, signed, through the outbox of webhooks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, Field, StringConstraints

from crm.hooks.addresses import check_url
from journeys.flows.steps.base import Decision, Effect, Go, Moment, Step

MAX_BODY = 20_000  # characters, before it is filled in


def _may_be_called(url: str) -> str:
    check_url(url)
    return url


def _not_too_large(body: dict[str, Any]) -> dict[str, Any]:
    if len(orjson.dumps(body)) > MAX_BODY:
        raise ValueError(f"is longer than {MAX_BODY} characters")
    return body


@dataclass(frozen=True, slots=True)
class CallWebhook(Effect):
    """A call to be queued. Texts in `body` are Liquid; without one the call says who, which flow and what it knows."""

    url: str
    body: Mapping[str, Any] | None = field(hash=False)


class Webhook(Step):
    """The flow goes on at once, whatever comes of the call: what became of it stands with the run."""

    type: Literal["webhook"]
    url: Annotated[str, StringConstraints(max_length=500), AfterValidator(_may_be_called)]
    body: Annotated[dict[str, Any], Field(min_length=1), AfterValidator(_not_too_large)] | None = None

    def take(self, moment: Moment) -> Decision:
        return Go("called", effects=[CallWebhook(self.url, self.body)])

    def texts(self) -> Iterator[tuple[str, str]]:
        """Every text of the body with its place in the step's JSON: ("body.order.number", "{{ event.order_id }}")."""
        yield from _texts("body", self.body)


def _texts(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _texts(f"{path}.{key}", inner)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts(f"{path}[{index}]", inner)
