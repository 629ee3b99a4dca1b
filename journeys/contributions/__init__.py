"""What journeys shows on the pages of crm."""

from journeys.contributions import customers, navigation, timeline, today, words

__all__ = ["customers", "navigation", "timeline", "today", "words"]
