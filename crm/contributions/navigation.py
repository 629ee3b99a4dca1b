"""crm's lines of the main navigation. Journeys and Messages come from the apps above."""

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from crm.extensions import NavItem, add_nav_item
from crm.lib.paging import bounded_count
from crm.models import User
from crm.selectors.today import unanswered_tickets


def waiting_in_inbox(user: User, now: datetime) -> int:
    return bounded_count(unanswered_tickets(user), 99)


add_nav_item(
    NavItem("today", _("Today"), "crm:today", "today", "customers.view", shortcut="t", on_phone=True, order=10)
)
add_nav_item(
    NavItem(
        "inbox", _("Inbox"), "crm:inbox", "inbox", "tickets.view",
        shortcut="i", badge=waiting_in_inbox, on_phone=True, order=20,
    )
)  # fmt: skip
add_nav_item(
    NavItem(
        "customers", _("Customers"), "crm:customer_list", "people", "customers.view",
        shortcut="c", on_phone=True, order=30,
    )
)  # fmt: skip
add_nav_item(NavItem("segments", _("Segments"), "crm:segment_list", "group", "segments.view", shortcut="e", order=35))
add_nav_item(
    NavItem(
        "purchases", _("Purchases"), "crm:purchase_list", "bag", "purchases.view",
        shortcut="p", on_phone=True, order=40,
    )
)  # fmt: skip
add_nav_item(NavItem("reviews", _("Reviews"), "crm:review_list", "star", "reviews.view", shortcut="r", order=50))
add_nav_item(
    NavItem(
        "reach", _("Reach"), "crm:touchpoint_list", "pin", "touchpoints.view",
        shortcut="a", also=("/promotions/",), order=80,
    )
)  # fmt: skip
add_nav_item(NavItem("settings", _("Settings"), "crm:settings", "gear", "customers.view", shortcut="s", order=90))
