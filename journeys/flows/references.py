"""
What conditions name and this shop does not have. A segment that is gone must never quietly become everybody or nobody.

What the trigger and the steps name themselves, besides segments, is journeys.flows.checking's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm.events import types
from crm.models import Event, Segment, Topic
from journeys.flows.faults import Fault
from journeys.flows.mentions import Mention, mentions
from journeys.models import Journey, Stage
from messaging.models import Template

_MISSING = {
    "segment": gettext_lazy("there is no segment “%(name)s”"),
    "stage": gettext_lazy("there is no such stage"),
    "journey": gettext_lazy("there is no journey “%(name)s”"),
    "topic": gettext_lazy("there is no topic “%(name)s”"),
    "template": gettext_lazy("there is no template “%(name)s”"),
}


def missing(definition: Any) -> Iterator[Fault]:
    """Each segment that is named anywhere, and whatever else conditions name; a query for each kind at most."""
    named: dict[str, list[Mention]] = defaultdict(list)
    for mention in mentions(definition):
        if mention.kind == "segment" or (mention.in_rule and mention.kind in _MISSING):
            named[mention.kind].append(mention)
    for kind, found in named.items():
        known = _known(kind, {mention.name for mention in found})
        for mention in found:
            if mention.name not in known:
                yield Fault(mention.path, mention.step, str(_MISSING[kind]) % {"name": mention.name})


def _known(kind: str, names: set[str]) -> set[str]:
    if kind == "stage":
        stages = Stage.objects.filter(journey__slug__in={name.partition(".")[0] for name in names})
        return {f"{journey}.{stage}" for journey, stage in stages.values_list("journey__slug", "slug")}
    model = {"segment": Segment, "journey": Journey, "topic": Topic, "template": Template}[kind]
    return set(model._default_manager.filter(slug__in=names).values_list("slug", flat=True))


def never_seen(definition: Any) -> Iterator[Fault]:
    """
    Events nobody has ever heard of: a slip of the pen, or a storefront that has yet to send the first.

    A warning, which stands in nobody's way. A query for each name that is not in the vocabulary.
    """
    usual = {kind.name for kind in types.known()}
    heard: dict[str, bool] = {}
    for mention in mentions(definition):
        name = mention.name
        if mention.kind != "event" or name in usual:
            continue
        if name not in heard:
            heard[name] = Event.objects.filter(name=name).exists()
        if not heard[name]:
            text = _("“%(event)s” has never happened: is it spelt as the storefront sends it?") % {"event": name}
            yield Fault(mention.path, mention.step, text)
