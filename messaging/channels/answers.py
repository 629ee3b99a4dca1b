"""Where answers to our letters arrive: a domain whose mail is brought to one of our doors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_domain_name
from django.utils.translation import gettext as _

from messaging.channels.base import ConfigFault

REPLY_DOMAIN = "reply_domain"  # a setting that every email provider has


def reply_domain_faults(config: Mapping[str, Any]) -> list[ConfigFault]:
    """What is wrong with the setting; without it answers go to the sender's own mailbox."""
    domain = config.get(REPLY_DOMAIN, "")
    if not isinstance(domain, str):
        return [ConfigFault(REPLY_DOMAIN, _("is not a text"))]
    try:
        if domain:
            validate_domain_name(domain)
    except ValidationError:
        return [ConfigFault(REPLY_DOMAIN, _("is not a domain such as reply.shop.example"))]
    return []
