"""Django admin of crm, one file a room."""

from crm.admin import customers, purchases, service, system

__all__ = ["customers", "purchases", "service", "system"]
