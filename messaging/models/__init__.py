"""All messaging tables; import them from here."""

from messaging.models.broadcast import Broadcast, BroadcastRecipient, BroadcastVariant
from messaging.models.call import ProviderCall, RefusedCalls
from messaging.models.channel import ChannelSettings, ProviderState
from messaging.models.inbound import FileToFetch, InboundMessage
from messaging.models.link import Click, ShortLink
from messaging.models.message import Attempt, Message
from messaging.models.price import Price
from messaging.models.receipt import Receipt
from messaging.models.restoration import Ledger, Restoration
from messaging.models.sandbox import SandboxText
from messaging.models.settings import FrequencyCap, MessagingSettings, QuietHours
from messaging.models.suppression import Suppression
from messaging.models.sweep import Sweep
from messaging.models.template import Template, TemplatePartial, TemplateVariant, TemplateVersion

__all__ = [
    "Attempt",
    "Broadcast",
    "BroadcastRecipient",
    "BroadcastVariant",
    "ChannelSettings",
    "Click",
    "FileToFetch",
    "FrequencyCap",
    "InboundMessage",
    "Ledger",
    "Message",
    "MessagingSettings",
    "Price",
    "ProviderCall",
    "ProviderState",
    "QuietHours",
    "Receipt",
    "RefusedCalls",
    "Restoration",
    "SandboxText",
    "ShortLink",
    "Suppression",
    "Sweep",
    "Template",
    "TemplatePartial",
    "TemplateVariant",
    "TemplateVersion",
]
