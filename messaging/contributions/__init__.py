"""What messaging shows on the pages of crm."""

from messaging.contributions import (
    broadcasts,
    customers,
    navigation,
    replies,
    rules,
    settings,
    tickets,
    timeline,
    today,
    words,
)

__all__ = [
    "broadcasts",
    "customers",
    "navigation",
    "replies",
    "rules",
    "settings",
    "tickets",
    "timeline",
    "today",
    "words",
]
