"""The facts that messaging adds to the vocabulary of the log. Imported by receivers.py, once, at start."""

from django.utils.translation import gettext_lazy as _

from crm.events.types import EventType, register

register(
    EventType("Message Sent", _("We wrote"), "message", "send", sign_of_life=False),
    EventType("Message Delivered", _("Message delivered"), "message", "check", sign_of_life=False),
    EventType("Message Withheld", _("Message withheld"), "message", "pause", sign_of_life=False),
    EventType("Message Failed", _("Message failed"), "message", "cross", sign_of_life=False),
    EventType("Message Clicked", _("Followed a link in a message"), "message", "link"),
    EventType("Message Opened", _("Opened, or fetched by a program"), "message", "eye", sign_of_life=False),
    EventType("Message Received", _("Answered with a keyword"), "message", "chat"),
    EventType("Channel Followed", _("Followed us"), "message", "chat"),
    EventType("Channel Left", _("Blocked us"), "message", "cross", sign_of_life=False),
    EventType("Message Unsubscribed", _("Unsubscribed"), "message", "cross"),
)
