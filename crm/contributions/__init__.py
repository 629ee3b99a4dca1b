"""What crm itself puts into its sockets; apps above add theirs the same way."""

from crm.contributions import customers, navigation, rules, segments, settings, timeline, today

__all__ = ["customers", "navigation", "rules", "segments", "settings", "timeline", "today"]
