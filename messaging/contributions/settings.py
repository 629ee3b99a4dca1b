"""Messaging's lines on the Settings page."""

from django.utils.translation import gettext_lazy as _

from crm.extensions import SettingsPage, add_settings_page

PAGES = (
    SettingsPage(
        _("Channels"), _("Providers, senders, and the switches that stop all sending"),
        "messaging:channel_list", "settings.shop", order=40,
    ),
    SettingsPage(
        _("Rules of sending"), _("Quiet hours, frequency, complaints, STOP words and their answers"),
        "messaging:rules", "settings.shop", order=42,
    ),
    SettingsPage(
        _("Prices"), _("What a message costs, by channel and country"),
        "messaging:price_list", "settings.shop", order=43,
    ),
    SettingsPage(
        _("Topics"), _("What messages are about, and which of it needs a yes"),
        "messaging:topic_list", "settings.shop", order=44,
    ),
    SettingsPage(
        _("What is kept"), _("After how many days texts, attempts and providers' calls are forgotten"),
        "messaging:retention", "settings.shop", order=45,
    ),
    SettingsPage(
        _("Suppressed addresses"), _("Numbers and addresses that nothing is sent to"),
        "messaging:suppression_list", "consents.record", order=46,
    ),
)  # fmt: skip
for page in PAGES:
    add_settings_page(page)
