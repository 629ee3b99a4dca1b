"""What crm itself puts into its sockets; apps above add theirs the same way."""

from crm.contributions import backlog, customers, navigation, rules, segments, settings, timeline, today

__all__ = ["backlog", "customers", "navigation", "rules", "segments", "settings", "timeline", "today"]
