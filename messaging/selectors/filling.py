"""A template filled in for one customer, for a colleague to go on writing from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from crm.models import Customer, Shop
from messaging.models import Message, Template, TemplateVersion
from messaging.rendering.letters import context_for, live_versions, nearest
from messaging.selectors.samples import latest_order
from messaging.texts import liquid
from messaging.texts.mjml import MAX_COMPILED


@dataclass(frozen=True, slots=True)
class Filled:
    """
    What there is to go on from.

    `missing` names what is not known of the customer; the text has it in square brackets. `fault` says why there is no
    text at all.
    """

    subject: str = ""
    body: str = ""
    missing: tuple[str, ...] = ()
    fault: str = ""


def template_choices(channel: str) -> list[tuple[str, str]]:
    """(slug, name) of the templates of a channel that have something live."""
    live = TemplateVersion.objects.published().values("template")
    return list(Template.objects.filter(channel=channel, pk__in=live).order_by("name").values_list("slug", "name"))


def fill_in(template: Template, *, customer: Customer, shop: Shop) -> Filled:
    """What is live of `template` in the customer's language, with their own data and their latest order's."""
    version = live_versions([template.pk]).get(template.pk)
    variant = nearest(list(version.variants.all()), customer.language, shop.language) if version else None
    if variant is None:
        return Filled(fault="nothing is published")
    data = _data(template, customer, shop)
    subject, body = liquid.parse(variant.subject), liquid.parse(variant.final_body, most=MAX_COMPILED)
    missing: tuple[str, ...] = ()
    try:
        try:
            return Filled(subject.render(data, language=variant.language), body.render(data, language=variant.language))
        except liquid.RenderFailed:
            missing = tuple(sorted({*subject.missing(data), *body.missing(data)}))
        data = _with_gaps(data, missing)
        return Filled(
            subject.render(data, language=variant.language), body.render(data, language=variant.language), missing
        )
    except liquid.RenderFailed as error:
        return Filled(missing=missing, fault=str(error))


def _data(template: Template, customer: Customer, shop: Shop) -> dict[str, Any]:
    order = latest_order(customer)
    message = Message(channel=template.channel, context={"event": order} if order else {})
    data = context_for(message, customer, shop)
    # The text will be another message's, so the link out cannot be this one's: the customer's own page does as well.
    preferences = data["links"]["preferences"]
    return data | {"links": {"unsubscribe": preferences, "preferences": preferences}}


def _with_gaps(data: Mapping[str, Any], missing: Iterable[str]) -> dict[str, Any]:
    """`data` with "[order_id]" where "event.order_id" is missing; a place inside a list stays empty."""
    filled = deepcopy(dict(data))
    for name in missing:
        *path, last = name.split(".")
        place: Any = filled
        for part in path:
            place = place.setdefault(part, {}) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place[last] = f"[{last}]"
    return filled
