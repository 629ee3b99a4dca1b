"""Django admin of crm, one file a room."""

from crm.admin import customers, hooks, promotions, purchases, segments, service, system

__all__ = ["customers", "hooks", "promotions", "purchases", "segments", "service", "system"]
