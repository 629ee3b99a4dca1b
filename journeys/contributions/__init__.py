"""What journeys shows on the pages of crm."""

from journeys.contributions import backlog, customers, navigation, rules, segments, timeline, today, words

__all__ = ["backlog", "customers", "navigation", "rules", "segments", "timeline", "today", "words"]
