"""crm's lines on the Settings page."""

from django.utils.translation import gettext_lazy as _

from crm.extensions import SettingsPage, add_settings_page

PAGES = (
    SettingsPage(
        _("Shop"), _("Name, time zone, currency, who sees which customers"), "crm:shop", "settings.shop", order=10
    ),
    SettingsPage(_("Staff"), _("Who signs in, and with which role"), "crm:staff_list", "users.manage", order=20),
    SettingsPage(_("Roles"), _("What each role may do"), "crm:roles", "customers.view", order=30),
    SettingsPage(
        _("Sources"), _("Storefronts that report what customers do"), "crm:source_list", "settings.keys", order=60
    ),
    SettingsPage(_("API keys"), _("Programs that read and write"), "crm:key_list", "settings.keys", order=70),
    SettingsPage(
        _("Webhooks"), _("Other systems that are told what happens"), "crm:endpoint_list", "settings.webhooks", order=75
    ),
    SettingsPage(
        _("Failed reactions"),
        _("Facts that are stored but could not be worked off"),
        "crm:reaction_list",
        "audit.view",
        order=80,
    ),
)
for page in PAGES:
    add_settings_page(page)
