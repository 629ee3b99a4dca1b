"""Django admin of messaging, one file a room."""

from messaging.admin import channels, ledger, links, templates

__all__ = ["channels", "ledger", "links", "templates"]
