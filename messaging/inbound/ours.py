"""Which addresses are our own? What comes from one is a letter of ours that came back, or a system of ours."""

from __future__ import annotations

from email.utils import parseaddr

from django.conf import settings

from crm.lib.vault import CannotUnseal
from crm.models import Channel
from crm.services import identities
from messaging.channels.answers import REPLY_DOMAIN
from messaging.models import ChannelSettings


def is_ours(channel: str, address: str) -> bool:
    """Is `address`, in its one form, what we send from on `channel`, or where answers to us arrive?"""
    row = ChannelSettings.objects.filter(channel=channel).first()
    if channel == Channel.EMAIL:
        return _is_our_mailbox(row, address)
    return bool(row and channel == Channel.SMS and _number(row.sender) == address != "")


def _is_our_mailbox(row: ChannelSettings | None, address: str) -> bool:
    senders = (settings.DEFAULT_FROM_EMAIL, row.sender if row else "")
    ours = {parseaddr(sender)[1].lower() for sender in senders} - {""}
    domain = _reply_domain(row) if row else ""
    return address.lower() in ours or (domain != "" and address.lower().endswith(f"@{domain}"))


def _reply_domain(row: ChannelSettings) -> str:
    try:
        return str(row.config.get(REPLY_DOMAIN, "")).lower()
    except CannotUnseal:
        return ""  # which holds up no letter


def _number(sender: str) -> str:
    """The number that we send from; "" for a name such as "BAANCHA"."""
    try:
        return identities.clean(phone=sender).phone
    except identities.InvalidIdentity:
        return ""
