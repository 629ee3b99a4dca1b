"""Journeys in the main navigation."""

from django.utils.translation import gettext_lazy as _

from crm.extensions import NavItem, add_nav_item

add_nav_item(NavItem("journeys", _("Journeys"), "journeys:map", "route", "journeys.view", shortcut="j", order=60))
