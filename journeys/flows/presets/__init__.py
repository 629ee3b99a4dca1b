"""Ready flows, one a file. The texts they send: messaging.presets, and `texts` for those a shop does not start with."""

from journeys.flows.presets.base import FlowPreset
from journeys.flows.presets.birthday import BIRTHDAY
from journeys.flows.presets.installing import install_flows
from journeys.flows.presets.repeat_purchase import REPEAT_PURCHASE
from journeys.flows.presets.review_request import REVIEW_REQUEST
from journeys.flows.presets.shelf import ALL, BY_STAGE, PRESETS
from journeys.flows.presets.texts import install_texts
from journeys.flows.presets.usage_tips import USAGE_TIPS

__all__ = [
    "ALL",
    "BIRTHDAY",
    "BY_STAGE",
    "PRESETS",
    "REPEAT_PURCHASE",
    "REVIEW_REQUEST",
    "USAGE_TIPS",
    "FlowPreset",
    "install_flows",
    "install_texts",
]
