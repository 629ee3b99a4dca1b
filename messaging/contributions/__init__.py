"""What messaging shows on the pages of crm."""

from messaging.contributions import customers, navigation, rules, segments, settings, tickets, timeline, today, words

__all__ = ["customers", "navigation", "rules", "segments", "settings", "tickets", "timeline", "today", "words"]
