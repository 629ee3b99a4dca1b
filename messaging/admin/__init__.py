"""Django admin of messaging, one file a room."""

from messaging.admin import broadcasts, channels, doors, ledger, links, templates

__all__ = ["broadcasts", "channels", "doors", "ledger", "links", "templates"]
