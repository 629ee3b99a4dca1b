"""
What stands in the way of publishing besides the definition itself: what it names and this shop does not have.

Each fault is told where it stands, by path and step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import F
from django.utils.translation import gettext as _

from crm.models import Channel, Promotion, Topic
from crm.selectors.promotions import TEMPLATE_NAMES
from journeys.flows import references
from journeys.flows.brought import with_coupon
from journeys.flows.definition import (
    DateTrigger,
    Definition,
    EventTrigger,
    Fault,
    ScheduleTrigger,
    SegmentTrigger,
    StageTrigger,
)  # fmt: skip
from journeys.flows.steps import AnyStep, Coupon, Enrol, MoveStage, Send, Unenrol, Wait, WaitEvent, WaitRule, Webhook
from journeys.models import Flow, FlowVersion, Stage
from messaging.rendering.letters import live_texts
from messaging.rendering.shortening import LinkRules
from messaging.texts import liquid
from messaging.texts.mjml import MAX_COMPILED

COUPON = "coupon"


def faults_in_shop(definition: Definition, *, slug: str) -> Iterator[Fault]:
    """
    What is missing here; a fixed number of queries.

    Args:
        slug: of the flow itself, "" when it has none yet.
    """
    steps = [(path, step) for path, _nesting, step in definition.walk()]
    yield from references.missing(definition.as_json())
    yield from _stages(definition, steps)
    yield from _waits(steps)
    yield from _coupons(steps)
    yield from _messages(definition, steps)
    yield from _calls(definition, steps)
    yield from _flows(steps, slug)


Steps = list[tuple[str, AnyStep]]


def _stages(definition: Definition, steps: Steps) -> Iterator[Fault]:
    named = [(f"{path}.stage", it.id, it.journey, it.stage) for path, it in steps if isinstance(it, MoveStage)]
    if isinstance(definition.trigger, StageTrigger):
        named.insert(0, ("trigger.stage", "", definition.trigger.stage.journey, definition.trigger.stage.stage))
    if not named:
        return
    found = Stage.objects.filter(journey__slug__in={journey for *_rest, journey, _stage in named})
    known = set(found.values_list("journey__slug", "slug"))
    for path, step_id, journey, stage in named:
        if (journey, stage) not in known:
            yield Fault(path, step_id, _("there is no such stage"))


def _waits(steps: Steps) -> Iterator[Fault]:
    """It must be said what happens when nothing comes, even if that is nothing."""
    for path, step in steps:
        if isinstance(step, WaitEvent | WaitRule) and "else_" not in step.model_fields_set:
            yield Fault(f"{path}.else", step.id, _("is missing: say what happens when nothing comes in time"))


def _coupons(steps: Steps) -> Iterator[Fault]:
    named = [(f"{path}.promotion", step) for path, step in steps if isinstance(step, Coupon)]
    if not named:
        return
    promotions = Promotion.objects.filter(slug__in={step.promotion for _path, step in named})
    known = set(promotions.values_list("slug", flat=True))
    for path, step in named:
        if step.promotion not in known:
            yield Fault(path, step.id, _("there is no promotion “%(slug)s”") % {"slug": step.promotion})


def slips(definition: Definition) -> Iterator[Fault]:
    """Waits by a product where no order is ever known: what starts the flow names none. A warning."""
    if not isinstance(definition.trigger, StageTrigger | SegmentTrigger | DateTrigger | ScheduleTrigger):
        return
    for path, _nesting, step in definition.walk():
        if isinstance(step, Wait) and step.until and step.until.product:
            why = _("what starts this flow names no order, so that nobody who comes here has a date")
            yield Fault(f"{path}.until.product", step.id, why)


# --- messages ---------------------------------------------------------------------------------


class _Whatever(dict[str, Any]):
    """Data that has whatever is asked of it."""

    def __missing__(self, name: str) -> _Whatever:
        return _Whatever()

    def __contains__(self, name: object) -> bool:
        return True

    def __str__(self) -> str:
        return "…"


def _messages(definition: Definition, steps: Steps) -> Iterator[Fault]:
    sends = [(path, step) for path, step in steps if isinstance(step, Send)]
    if not sends:
        return
    topics = set(Topic.objects.values_list("slug", flat=True))
    texts = live_texts({step.template for _path, step in sends if step.template})
    knows, rules = _Known(definition), LinkRules.current()
    for path, step in sends:
        brought = knows.at(step) | {"links": _Whatever()}
        if step.topic not in topics:
            yield Fault(f"{path}.topic", step.id, _("there is no topic “%(slug)s”") % {"slug": step.topic})
        if step.template is None:
            yield from _text_faults(f"{path}.subject", step.id, [step.subject], brought)
            yield from _text_faults(f"{path}.body", step.id, [step.body or ""], brought)
            if Channel.SMS in step.channels and (stranger := rules.stranger(step.body or "")):
                said = _("links to a domain that is not registered: %(url)s") % {"url": stranger[0]}
                yield Fault(f"{path}.body", step.id, said)
            continue
        says = [text for channel in step.channels for text in texts.get((step.template, channel), [])]
        if not says:
            missing = _("there is no published template “%(slug)s”") % {"slug": step.template}
            yield Fault(f"{path}.template", step.id, missing)
        yield from _text_faults(f"{path}.template", step.id, says, brought)


def _calls(definition: Definition, steps: Steps) -> Iterator[Fault]:
    """The texts of what is sent to other systems."""
    knows = _Known(definition)
    for path, step in steps:
        if isinstance(step, Webhook):
            for place, text in step.texts():
                yield from _text_faults(f"{path}.{place}", step.id, [text], knows.at(step))


class _Known:
    """What templates may show at each step: the customer, the shop, what started the flow, a coupon given before."""

    def __init__(self, definition: Definition) -> None:
        self._always: dict[str, Any] = {"customer": _Whatever(), "shop": _Whatever(), "time_zone": "UTC"}
        if isinstance(definition.trigger, EventTrigger | StageTrigger | SegmentTrigger):
            self._always["event"] = _Whatever()
        self._with_coupon = with_coupon(definition)

    def at(self, step: AnyStep) -> dict[str, Any]:
        coupon = {COUPON: dict.fromkeys(TEMPLATE_NAMES, "…")} if step.id in self._with_coupon else {}
        return self._always | coupon


def _text_faults(path: str, step: str, texts: list[str], brought: Mapping[str, Any]) -> Iterator[Fault]:
    """Texts that are no template, or show what this flow does not bring; each complaint once."""
    complaints = dict.fromkeys(filter(None, (_complaint(text, brought) for text in texts)))
    yield from (Fault(path, step, complaint) for complaint in complaints)


def _complaint(text: str, brought: Mapping[str, Any]) -> str:
    try:
        template = liquid.parse(text, most=MAX_COMPILED)
    except liquid.InvalidTemplate as error:
        return str(error)
    unknown = [str(root) for root, *_rest in template.paths if root not in brought]
    try:
        template.render(brought)
    except liquid.RenderFailed as error:
        # Only what nobody will ever have: other data of a real customer may well do.
        named = next((root for root in unknown if f"'{root}'" in str(error)), "") or _misspelt(template, brought)
        if named == COUPON:
            return _("shows a coupon, but not every way here leads through a coupon step")
        return _("shows “%(name)s”, which this flow does not have") % {"name": named} if named else ""
    return ""


def _misspelt(template: liquid.Template, brought: Mapping[str, Any]) -> str:
    """What the text asks of a coupon that no coupon has."""
    known = brought.get(COUPON, ())
    asked = (path for path in template.paths if COUPON in brought and path[0] == COUPON and len(path) > 1)
    return next((".".join(map(str, path)) for path in asked if path[1] not in known), "")


# --- other flows ------------------------------------------------------------------------------


def _flows(steps: Steps, slug: str) -> Iterator[Fault]:
    """Flows that do not exist, and flows that would lead back here: who enters would go round for ever."""
    named = [(f"{path}.flow", step) for path, step in steps if isinstance(step, Enrol | Unenrol)]
    if not named:
        return
    known = set(Flow.objects.exclude(state=Flow.State.ARCHIVED).values_list("slug", flat=True)) | ({slug} - {""})
    leads = _leads() if slug else {}
    for path, step in named:
        if step.flow not in known:
            yield Fault(path, step.id, _("there is no flow “%(slug)s”") % {"slug": step.flow})
        elif isinstance(step, Unenrol):
            if step.flow == slug:
                yield Fault(path, step.id, _("a flow is left by an exit step"))
        elif way := _way(step.flow, slug, leads):
            loop = " → ".join([slug, *way])
            yield Fault(path, step.id, _("leads back to this flow: %(loop)s") % {"loop": loop})


def _leads() -> dict[str, set[str]]:
    """Which flows each flow that runs puts people into."""
    running = FlowVersion.objects.filter(flow__live_version=F("pk"))
    return {slug: set(_enrols(json)) for slug, json in running.values_list("flow__slug", "definition")}


def _enrols(json: Any) -> Iterator[str]:
    """The flows named by the `enrol` steps anywhere in a definition."""
    if isinstance(json, list):
        for item in json:
            yield from _enrols(item)
    elif isinstance(json, dict):
        if json.get("type") == "enrol" and isinstance(json.get("flow"), str):
            yield json["flow"]
        for item in json.values():
            yield from _enrols(item)


def _way(start: str, goal: str, leads: Mapping[str, set[str]]) -> list[str]:
    """A way from flow to flow, empty when there is none."""
    ways, seen = [[start]], {start}
    while ways:
        way = ways.pop()
        if way[-1] == goal:
            return way
        following = sorted(leads.get(way[-1], set()) - seen)
        seen.update(following)
        ways += [[*way, slug] for slug in following]
    return []
