"""Django admin of crm, one file a room."""

from crm.admin import customers, purchases, segments, service, system

__all__ = ["customers", "purchases", "segments", "service", "system"]
