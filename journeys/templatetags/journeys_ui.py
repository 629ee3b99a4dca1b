"""How journeys are written on pages."""

from django import template
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from crm.events import types
from journeys.models import Enrolment
from journeys.selectors.results import Group

register = template.Library()
# The words that steps leave on their visits (journeys.flows.steps).
OUTCOMES = {
    "waited": _("waited"),
    "heard": _("it happened"),
    "timed_out": _("nothing in time"),
    "path": _("went this way"),
    "queued": _("put in the outbox"),
    "given": _("coupon given"),
    "no_coupon": _("no coupon"),
    "called": _("call put in the outbox"),
    "set": _("set"),
    "tagged": _("tagged"),
    "opened": _("opened"),
    "left": _("left the flow here"),
    "held": _("the rule holds"),
    "done": _("the task is done"),
    "moved": _("moved to the stage"),
    "enrolled": _("led into the other flow"),
    "unenrolled": _("taken out of the other flow"),
    "overtaken": _("overtaken by an event that came late"),
    "no_date": _("no date on the record"),
    "date_past": _("the date is past"),
}


# Why runs ended, as journeys.flows writes it on their rows.
REASONS = (
    gettext_noop("held out"),
    gettext_noop("control group"),
    gettext_noop("goal reached"),
    gettext_noop("exit rule"),
    gettext_noop("consent withdrawn"),
    gettext_noop("not reachable"),
    gettext_noop("no date"),
    gettext_noop("date past"),
    gettext_noop("step removed"),
    gettext_noop("drained"),
    gettext_noop("too old after a pause"),
    gettext_noop("flow archived"),
    gettext_noop("taken out by another flow"),
    gettext_noop("merged into another record"),
    gettext_noop("erased"),
    gettext_noop("the same run of a merged record is older"),
)


# Why a step gave no coupon (crm.selectors.promotions.why_not).
NO_COUPON = {
    "no_promotion": _("there is no such promotion"),
    "inactive": _("the promotion is switched off"),
    "not_started": _("the promotion has not begun"),
    "expired": _("the promotion is over"),
    "coupon_exhausted": _("the promotion is used up"),
    "not_in_audience": _("the promotion is not for this customer"),
    "already_redeemed": _("the customer has redeemed it already"),
}


@register.filter
def ended_because(reason: str) -> str:
    """Why a run ended or a step gave nothing: an exit's event by its label; what a flow's author wrote stays."""
    if reason in NO_COUPON:
        return str(NO_COUPON[reason])
    return gettext(reason) if reason in REASONS else str(types.get(reason).label)


@register.filter
def outcome(word: str) -> str:
    """How a step went, in words."""
    return str(OUTCOMES.get(word, word))


@register.filter
def run_state(state: str) -> str:
    """The state of a run, in words."""
    return str(Enrolment.State(state).label)


@register.filter
def interval(group: Group) -> dict[str, int]:
    """A group's rate with its 95 % interval, in whole percent."""
    low, high = group.wilson()
    return {"rate": round(100 * group.rate), "low": round(100 * low), "high": round(100 * high)}
