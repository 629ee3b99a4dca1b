"""The facts that journeys add to the vocabulary of the log."""

from django.utils.translation import gettext_lazy as _

from crm.events.types import EventType, register

STAGE_CHANGED = "Stage Changed"
HEALTH_CHANGED = "Health Changed"

register(
    EventType(STAGE_CHANGED, _("Came to another stage"), "stage", "route", sign_of_life=False),
    EventType(HEALTH_CHANGED, _("Heard of more, or less"), "stage", "heart", sign_of_life=False),
)
