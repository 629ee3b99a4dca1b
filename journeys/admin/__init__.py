"""Django admin of journeys, one file a room."""

from journeys.admin import flows, stages

__all__ = ["flows", "stages"]
