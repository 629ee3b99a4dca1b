"""What ready flows are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from journeys.models.journey import in_language

DAYTIME = {"from": "09:00", "to": "19:00"}
WORKDAYS = {**DAYTIME, "days": ["mon", "tue", "wed", "thu", "fri"]}


@dataclass(frozen=True, slots=True)
class FlowPreset:
    """
    A flow as it comes with the product. `definition` is JSON in the shape of journeys.flows.definition.

    Its names are data and no text of the pages: they become the flow's own, which staff then edit.
    """

    slug: str
    name: str
    name_th: str
    description: str
    description_th: str
    definition: dict[str, Any]

    @property
    def label(self) -> str:
        return in_language(self.name, self.name_th)

    @property
    def about(self) -> str:
        """What it is for, in the language of the page."""
        return in_language(self.description, self.description_th)


def message(
    step: str, template: str, *, about: str, by: tuple[str, str] = ("sms", "email"), **more: str
) -> dict[str, Any]:
    """A step that sends `template` by the first channel, else by the second."""
    channel, other = by
    return {
        "id": step, "type": "send", "channel": channel, "fallback": [other], "template": template, "topic": about,
        **more,
    }  # fmt: skip


def offer(step: str, template: str) -> dict[str, Any]:
    """An advert: it waits for its turn when somebody has had enough messages, and not for ever."""
    return message(step, template, about="promotions", over_cap="hold", expires_after="P3D")
