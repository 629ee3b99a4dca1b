"""Who carries out what: one performer for each class of effect, called with all of a batch."""

from collections.abc import Mapping

from journeys.flows.effects import attributes, coupons, flows, messages, stages, tags, tasks, tickets, webhooks
from journeys.flows.effects.base import Order, Performer
from journeys.flows.steps.base import Effect
from journeys.flows.steps.coupon import PutCoupon
from journeys.flows.steps.enrol import EnterFlow, LeaveFlow
from journeys.flows.steps.move_stage import MoveToStage
from journeys.flows.steps.send import SendMessage
from journeys.flows.steps.set import SetAttributes
from journeys.flows.steps.tag import ChangeTags
from journeys.flows.steps.task import OpenTask
from journeys.flows.steps.ticket import OpenTicket
from journeys.flows.steps.webhook import CallWebhook

PERFORMERS: Mapping[type[Effect], Performer] = {
    PutCoupon: coupons.put,
    SetAttributes: attributes.merge,
    ChangeTags: tags.change,
    OpenTask: tasks.open_,
    OpenTicket: tickets.open_,
    MoveToStage: stages.move,
    EnterFlow: flows.enter,
    LeaveFlow: flows.leave,
    SendMessage: messages.queue,
    CallWebhook: webhooks.queue,
}

__all__ = ["PERFORMERS", "Order", "Performer"]
