"""The ready flows: six that cover the journeys' stages, and all of them by the stage they serve."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from journeys.flows.presets.abandoned_cart import ABANDONED_CART
from journeys.flows.presets.base import FlowPreset
from journeys.flows.presets.birthday import BIRTHDAY
from journeys.flows.presets.enquiry_follow_up import ENQUIRY_FOLLOW_UP
from journeys.flows.presets.lapsed import LAPSED
from journeys.flows.presets.referral import REFERRAL
from journeys.flows.presets.repeat_purchase import REPEAT_PURCHASE
from journeys.flows.presets.review_request import REVIEW_REQUEST
from journeys.flows.presets.thank_you import THANK_YOU
from journeys.flows.presets.usage_tips import USAGE_TIPS
from journeys.flows.presets.welcome import WELCOME
from journeys.flows.presets.win_back import WIN_BACK

# A shop can begin with these at once: their texts are the templates it starts with (messaging.presets).
PRESETS = (WELCOME, ENQUIRY_FOLLOW_UP, ABANDONED_CART, THANK_YOU, REVIEW_REQUEST, WIN_BACK)

BY_STAGE: Sequence[tuple[str | Promise, Sequence[FlowPreset]]] = (
    (_("Getting to know us"), (WELCOME, ENQUIRY_FOLLOW_UP)),
    (_("Buying"), (ABANDONED_CART, THANK_YOU)),
    (_("Using"), (USAGE_TIPS, REVIEW_REQUEST)),
    (_("Coming back"), (REPEAT_PURCHASE, WIN_BACK, LAPSED, BIRTHDAY)),
    (_("Telling others"), (REFERRAL,)),
)
ALL = tuple(preset for _stage, found in BY_STAGE for preset in found)
