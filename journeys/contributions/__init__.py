"""What journeys shows on the pages of crm."""

from journeys.contributions import customers, navigation, rules, segments, timeline, today, words

__all__ = ["customers", "navigation", "rules", "segments", "timeline", "today", "words"]
