"""Messages in the main navigation."""

from django.utils.translation import gettext_lazy as _

from crm.extensions import NavItem, add_nav_item

add_nav_item(
    NavItem(
        "messages", _("Messages"), "messaging:message_list", "send", "messages.view",
        shortcut="m", also=("/templates/", "/sandbox/"), order=70,
    )
)  # fmt: skip
