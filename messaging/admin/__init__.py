"""Django admin of messaging, one file a room."""

from messaging.admin import channels, ledger, templates

__all__ = ["channels", "ledger", "templates"]
