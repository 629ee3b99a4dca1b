"""All messaging tables; import them from here."""

from messaging.models.channel import ChannelSettings, ProviderState
from messaging.models.inbound import InboundMessage
from messaging.models.message import Attempt, Message
from messaging.models.receipt import Receipt
from messaging.models.sandbox import SandboxText
from messaging.models.settings import FrequencyCap, MessagingSettings, QuietHours
from messaging.models.suppression import Suppression
from messaging.models.template import Template, TemplateVariant, TemplateVersion

__all__ = [
    "Attempt",
    "ChannelSettings",
    "FrequencyCap",
    "InboundMessage",
    "Message",
    "MessagingSettings",
    "ProviderState",
    "QuietHours",
    "Receipt",
    "SandboxText",
    "Suppression",
    "Template",
    "TemplateVariant",
    "TemplateVersion",
]
