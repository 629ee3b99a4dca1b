"""Who carries out what: one performer for each class of effect, called with all of a batch."""

from collections.abc import Mapping

from journeys.flows.effects import attributes, messages, tags, tasks
from journeys.flows.effects.base import Order, Performer
from journeys.flows.steps.base import Effect
from journeys.flows.steps.send import SendMessage
from journeys.flows.steps.set import SetAttributes
from journeys.flows.steps.tag import ChangeTags
from journeys.flows.steps.task import OpenTask

PERFORMERS: Mapping[type[Effect], Performer] = {
    SetAttributes: attributes.merge,
    ChangeTags: tags.change,
    OpenTask: tasks.open_,
    SendMessage: messages.queue,
}

__all__ = ["PERFORMERS", "Order", "Performer"]
