"""A flow as people read it: cards in words, one below the other, nested where it branches. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm.lib.durations import parse_duration
from crm.lib.spans import span_in_words
from crm.rules import words
from crm.rules.schema import Where
from journeys.flows.definition import (
    DateOfTheirs,
    DateTrigger,
    Definition,
    EventExit,
    EventTrigger,
    ScheduleTrigger,
    SegmentTrigger,
    StageTrigger,
)  # fmt: skip
from journeys.flows.steps import (
    AnyStep,
    Branch,
    Coupon,
    Enrol,
    Exit,
    MoveStage,
    Send,
    Set,
    Split,
    Tag,
    Task,
    Ticket,
    Unenrol,
    Wait,
    WaitEvent,
    WaitRule,
    Webhook,
)  # fmt: skip
from journeys.flows.steps.until import Until
from journeys.flows.steps.wait import WindowSpec

_DAYS = {
    "mon": gettext_lazy("Mon"), "tue": gettext_lazy("Tue"), "wed": gettext_lazy("Wed"), "thu": gettext_lazy("Thu"),
    "fri": gettext_lazy("Fri"), "sat": gettext_lazy("Sat"), "sun": gettext_lazy("Sun"),
}  # fmt: skip
_KINDS = {"enquiry": gettext_lazy("an enquiry"), "after_sales": gettext_lazy("after-sales help")}
_PRIORITIES = {
    "low": gettext_lazy("low priority"), "normal": gettext_lazy("normal priority"),
    "high": gettext_lazy("high priority"), "urgent": gettext_lazy("urgent"),
}  # fmt: skip
INTERVALS = {
    "time_of_use": gettext_lazy("all they ordered could be tried"),
    "repurchase_after": gettext_lazy("the first thing they ordered runs out"),
}
_CHANNELS = {"sms": gettext_lazy("SMS"), "email": gettext_lazy("Email"), "line": gettext_lazy("LINE")}


@dataclass(frozen=True, slots=True)
class Names:
    """What slugs are called in this shop; what is missing is shown by its slug."""

    templates: Mapping[str, str] = field(default_factory=dict)
    topics: Mapping[str, str] = field(default_factory=dict)
    stages: Mapping[tuple[str, str], str] = field(default_factory=dict)
    flows: Mapping[str, str] = field(default_factory=dict)
    promotions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Path:
    """One way that leads on from a card."""

    name: str
    cards: list[Card]


@dataclass(frozen=True, slots=True)
class Card:
    """One step in words. `lines` say more; `paths` are where it may lead besides what follows it."""

    id: str
    kind: str
    icon: str
    title: str
    lines: list[str]
    paths: list[Path]


@dataclass(frozen=True, slots=True)
class Outline:
    """A whole flow in words. `terms` are (what, in words): who enters, who leaves, what counts as success."""

    trigger: str
    terms: list[tuple[str, str]]
    cards: list[Card]

    def every_card(self) -> Iterator[Card]:
        """The cards in the order of the tree, those of a card's paths behind it."""
        waiting = self.cards[::-1]
        while waiting:
            card = waiting.pop()
            yield card
            waiting += [inner for path in card.paths[::-1] for inner in path.cards[::-1]]


def outline(definition: Definition, names: Names) -> Outline:
    return Outline(
        trigger=trigger_in_words(definition, names), terms=_terms(definition), cards=_cards(definition.steps, names)
    )


def step_title(step: AnyStep) -> str:
    """One step's title, for pages that show no more of the flow."""
    return _said(step, Names())[1]


def trigger_in_words(definition: Definition, names: Names) -> str:
    """What starts the flow."""
    trigger = definition.trigger
    if isinstance(trigger, EventTrigger):
        return words.event_in_words(trigger.event, _where(trigger.where))
    if isinstance(trigger, StageTrigger):
        key = (trigger.stage.journey, trigger.stage.stage)
        return _("Came to the stage %(stage)s") % {"stage": names.stages.get(key, trigger.stage.stage)}
    if isinstance(trigger, SegmentTrigger):
        said = _("Came into the segment %(segment)s") if trigger.on == "enter" else _("Left the segment %(segment)s")
        return said % {"segment": trigger.segment}
    if isinstance(trigger, DateTrigger):
        return _date(trigger.date)
    if isinstance(trigger, ScheduleTrigger):
        schedule = trigger.schedule
        return _("By the clock (%(cron)s), for the segment %(segment)s") % {
            "cron": schedule.cron, "segment": schedule.segment,
        }  # fmt: skip
    return _("Started by hand")


def _date(date: DateOfTheirs) -> str:
    span = span_in_words(date.offset.removeprefix("-"))
    if not (date.duration.days or date.duration.months):
        said = _("On the day: %(date)s") % {"date": date.attribute}
    elif date.sign < 0:
        said = _("%(span)s before %(date)s") % {"span": span, "date": date.attribute}
    else:
        said = _("%(span)s after %(date)s") % {"span": span, "date": date.attribute}
    when = _("each year at %(time)s") if date.is_yearly else _("at %(time)s")
    return f"{said}, {when % {'time': date.at}}"


def _terms(definition: Definition) -> list[tuple[str, str]]:
    terms = [(_("For"), words.in_words(definition.audience)), (_("Again"), _reentry(definition))]
    if definition.exits:
        exits = [
            words.event_in_words(exit_.event, _where(exit_.where))
            if isinstance(exit_, EventExit)
            else words.in_words(exit_.rule)
            for exit_ in definition.exits
        ]
        terms.append((_("Leaves early when"), "; ".join(exits)))
    if goal := definition.goal:
        said = _("%(event)s within %(span)s") % {
            "event": words.event_in_words(goal.event, _where(goal.where)),
            "span": span_in_words(goal.within),
        }
        terms.append((_("Goal"), said))
    if definition.holdout:
        terms.append((_("Held out"), _("%(n)s%% are only watched, to compare") % {"n": definition.holdout}))
    return terms


def _reentry(definition: Definition) -> str:
    reentry = definition.reentry
    said = {
        "once": _("never a second time"),
        "after_exit": _("when no run is under way"),
        "always": _("every time"),
        "cooldown": _("%(span)s after the last entry at the earliest")
        % {"span": span_in_words(reentry.cooldown or "PT0S")},
    }[reentry.policy]
    if reentry.key_property:
        return _("%(when)s, for each %(key)s apart") % {"when": said, "key": reentry.key_property}
    return said


def _cards(steps: Sequence[AnyStep], names: Names) -> list[Card]:
    return [_card(step, names) for step in steps]


def _card(step: AnyStep, names: Names) -> Card:
    icon, title, lines = _said(step, names)
    return Card(step.id, step.type, icon, title, lines, _paths(step, names))


Said = tuple[str, str, list[str]]  # icon, title and further lines


def _said(step: AnyStep, names: Names) -> Said:
    return _said_of_ways(step) or _said_of_deeds(step, names) or _said_of_standing(step, names)


def _said_of_ways(step: AnyStep) -> Said | None:
    """Steps that wait, and steps that decide where to go."""
    match step:
        case Wait():
            return "clock", _wait(step), [_window(step.window)] if step.window else []
        case WaitEvent():
            title = _("Wait for: %(event)s") % {"event": words.event_in_words(step.event, _where(step.where))}
            lines = [_("at most %(span)s") % {"span": span_in_words(step.timeout)}]
            if step.look_back:
                lines.append(_("also if it was in the %(span)s before") % {"span": span_in_words(step.look_back)})
            return "clock", title, lines
        case WaitRule():
            lines = [_("at most %(span)s") % {"span": span_in_words(step.timeout)}]
            return "clock", _("Wait until: %(rule)s") % {"rule": words.in_words(step.rule)}, lines
        case Branch():
            return "branch", _("Which way?"), []
        case Split():
            return "branch", _("Split to compare"), []
        case Exit():
            return "leave", _("Leave the flow"), [step.reason]
    return None


def _said_of_deeds(step: AnyStep, names: Names) -> Said | None:
    """Steps that give the customer something, write on their record, or tell staff or another system."""
    match step:
        case Send():
            return _send(step, names)
        case Set():
            pairs = ", ".join(f"{name} = {value}" for name, value in step.attributes.items())
            return "pencil", _("Set on the record"), [pairs]
        case Tag():
            return "tag", _("Change tags"), [f"+ {name}" for name in step.add] + [f"− {name}" for name in step.remove]
        case Task():
            return _task(step)
        case Ticket():
            title = _("Open a ticket: %(subject)s") % {"subject": step.subject}
            return "lifebuoy", title, [str(_KINDS[step.kind]), str(_PRIORITIES[step.priority])]
        case Coupon():
            promotion = names.promotions.get(step.promotion, step.promotion)
            return "coupon", _("Give a coupon: %(promotion)s") % {"promotion": promotion}, []
        case Webhook():
            own = [_("says what this step wrote for it")] if step.body else []
            return "webhook", _("Call %(host)s") % {"host": urlsplit(step.url).hostname or step.url}, own
    return None


def _said_of_standing(step: AnyStep, names: Names) -> Said:
    """Steps that change where the customer stands, in a journey or in other flows."""
    match step:
        case MoveStage():
            stage = names.stages.get((step.journey, step.stage), step.stage)
            return "route", _("Move to the stage %(stage)s") % {"stage": stage}, []
        case Enrol():
            return "flow", _("Into the flow “%(flow)s”") % {"flow": names.flows.get(step.flow, step.flow)}, []
        case Unenrol():
            return "flow", _("Out of the flow “%(flow)s”") % {"flow": names.flows.get(step.flow, step.flow)}, []
    raise TypeError(f"a step of type {step.type} has no words")


def _wait(step: Wait) -> str:
    if step.for_ and not parse_duration(step.for_).rough:
        return _("Go on at once, within these hours") if step.window else _("Go on at once")
    if step.for_:
        return _("Wait %(span)s") % {"span": span_in_words(step.for_)}
    until = step.until
    if until is None:
        return _("Wait")
    date, span = _date_of(until), span_in_words(until.offset.removeprefix("-"))
    if until.offset in {"P0D", "-P0D", "PT0S"}:
        return _("Wait until %(date)s") % {"date": date}
    if until.offset.startswith("-"):
        return _("Wait until %(span)s before %(date)s") % {"span": span, "date": date}
    return _("Wait until %(span)s after %(date)s") % {"span": span, "date": date}


def _date_of(until: Until) -> str:
    if until.product:
        return str(INTERVALS[until.product])
    return until.attribute or ""


def _window(window: WindowSpec) -> str:
    clock = _("goes on between %(from)s and %(to)s") % {"from": window.opens, "to": window.closes}
    if len(window.days) == len(_DAYS):
        return clock
    days = ", ".join(str(_DAYS[day]) for day in window.days)
    return _("%(clock)s, %(days)s") % {"clock": clock, "days": days}


def _send(step: Send, names: Names) -> tuple[str, str, list[str]]:
    channel = str(_CHANNELS[step.channel])
    text = names.templates.get(step.template or "", step.template or "")
    title = _("%(channel)s: %(text)s") % {"channel": channel, "text": text or (step.body or "")[:80]}
    lines = [_("about %(topic)s") % {"topic": names.topics.get(step.topic, step.topic)}]
    if step.fallback:
        others = ", ".join(str(_CHANNELS[name]) for name in step.fallback)
        lines.append(_("else by %(channels)s") % {"channels": others})
    lines.append(_("of no use after %(span)s") % {"span": span_in_words(step.expires_after)})
    if step.over_cap == "hold":
        lines.append(_("waits when the customer has had enough messages"))
    if step.if_unreachable == "exit":
        lines.append(_("whoever cannot be reached leaves the flow"))
    return "send", title, lines


def _task(step: Task) -> tuple[str, str, list[str]]:
    whose = {"owner": _("for the customer's owner"), None: _("for whoever takes it")}
    lines = [whose.get(step.assign) or _("for %(name)s") % {"name": step.assign}]
    if step.due:
        lines.append(_("due in %(span)s") % {"span": span_in_words(step.due)})
    if wait := step.wait_for_outcome:
        lines.append(_("waits at most %(span)s for what comes of it") % {"span": span_in_words(wait.timeout)})
    return "task", _("Task: %(title)s") % {"title": step.title}, lines


def _paths(step: AnyStep, names: Names) -> list[Path]:
    match step:
        case WaitEvent():
            return [
                Path(_("It happened"), _cards(step.then, names)),
                Path(_("Nothing in time"), _cards(step.else_, names)),
            ]
        case WaitRule():
            return [
                Path(_("It holds"), _cards(step.then, names)),
                Path(_("Not in time"), _cards(step.else_, names)),
            ]
        case Split():
            total = sum(path.weight for path in step.paths)
            return [
                Path(f"{path.name}: {100 * path.weight / total:.3g}%", _cards(path.steps, names)) for path in step.paths
            ]
        case Task(wait_for_outcome=wait) if wait:
            ways = [Path(path.outcome, _cards(path.steps, names)) for path in wait.then]
            return [*ways, Path(_("Another outcome, or none in time"), _cards(wait.else_, names))]
        case Branch():
            ways = [Path(f"{path.name}: {words.in_words(path.if_)}", _cards(path.steps, names)) for path in step.paths]
            return [*ways, Path(_("Everybody else"), _cards(step.else_, names))]
        case Wait():
            none = _("No date is known") if step.until and step.until.product else _("No date on the record")
            special = ((none, step.missing), (_("The date is past"), step.past))
            return [Path(name, _cards(steps, names)) for name, steps in special if steps is not None]
    return []


def _where(tests: Sequence[Where]) -> list[dict[str, object]]:
    return [{"property": test.property, "op": test.op, "value": test.value} for test in tests]
