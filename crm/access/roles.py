"""
Who may do what: one table, shown on the Settings page and asked by every door (pages, API, admin actions).

What is not in the table is refused. Which customers somebody sees is a question for the querysets
(`visible_to(user)`); this table says what they may do with those.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.models import User

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

Role = User.Role
ADMIN, MANAGER, MARKETER, SALES, SUPPORT, VIEWER = Role
EVERYONE = frozenset(Role)
LEADERS = frozenset({ADMIN, MANAGER})
CAMPAIGNERS = LEADERS | {MARKETER}
FRONT_LINE = LEADERS | {SALES, SUPPORT}


@dataclass(frozen=True, slots=True)
class Permission:
    """One line of the table. `name` is "room.verb", `label` what the Settings page says, `roles` who holds it."""

    name: str
    label: str | Promise
    roles: frozenset[Role]


PERMISSIONS = (
    Permission("customers.view", _("See customers"), EVERYONE),
    Permission("customers.edit", _("Add and edit customers"), FRONT_LINE),
    Permission("customers.tag", _("Tag customers"), FRONT_LINE | {MARKETER}),
    Permission("customers.assign", _("Give customers another owner"), LEADERS),
    Permission("customers.merge", _("Merge customers"), LEADERS),
    Permission("contacts.reveal", _("See phone numbers and addresses in full"), FRONT_LINE),
    Permission("consents.record", _("Record and withdraw consent"), FRONT_LINE),
    Permission("tasks.edit", _("Make and finish tasks"), LEADERS | {SALES}),
    Permission("purchases.view", _("See purchases"), EVERYONE),
    Permission("purchases.edit", _("Record and edit purchases"), LEADERS | {SALES}),
    Permission("tickets.view", _("See enquiries and tickets"), EVERYONE),
    Permission("tickets.work", _("Answer and close tickets"), LEADERS | {SUPPORT}),
    Permission("reviews.view", _("See reviews"), EVERYONE),
    Permission("reviews.moderate", _("Publish and answer reviews"), LEADERS | {SUPPORT}),
    Permission("touchpoints.view", _("See touchpoints"), EVERYONE),
    Permission("touchpoints.edit", _("Make and edit touchpoints"), CAMPAIGNERS),
    Permission("promotions.view", _("See promotions and their codes"), EVERYONE - {VIEWER}),
    Permission("promotions.edit", _("Make and edit promotions and codes"), CAMPAIGNERS),
    Permission("coupons.redeem", _("Redeem a customer's coupon"), FRONT_LINE),
    Permission("coupons.void", _("Make coupons void"), LEADERS | {SUPPORT}),
    Permission("segments.view", _("See segments"), CAMPAIGNERS | {VIEWER}),
    Permission("segments.edit", _("Make and edit segments"), CAMPAIGNERS),
    Permission("journeys.view", _("See the journey map"), EVERYONE),
    Permission("journeys.move", _("Move a customer to another stage"), FRONT_LINE),
    Permission("journeys.edit", _("Edit journeys, stages and rules"), CAMPAIGNERS),
    Permission("flows.view", _("See flows"), CAMPAIGNERS | {VIEWER}),
    Permission("flows.edit", _("Draft flows"), CAMPAIGNERS),
    Permission("flows.publish", _("Publish flows"), LEADERS),
    # Stopping is the safe direction, so whoever may draft a flow may also stop one.
    Permission("flows.stop", _("Pause and resume flows"), CAMPAIGNERS),
    Permission("templates.view", _("See templates"), CAMPAIGNERS | {VIEWER}),
    Permission("templates.edit", _("Edit templates"), CAMPAIGNERS),
    Permission("broadcasts.view", _("See broadcasts"), CAMPAIGNERS | {VIEWER}),
    Permission("broadcasts.edit", _("Draft broadcasts"), CAMPAIGNERS),
    # To more people than messaging.broadcasts.launch.ALONE only with the approval of somebody who may give it.
    Permission("broadcasts.send", _("Send broadcasts, pause and cancel their own"), CAMPAIGNERS),
    Permission("broadcasts.approve", _("Approve broadcasts to many, pause and cancel any"), LEADERS),
    Permission("messages.view", _("See the message log"), EVERYONE),
    Permission("messages.send", _("Write to a customer"), FRONT_LINE),
    Permission("suppressions.lift", _("Write again to an address that opted out"), frozenset({ADMIN})),
    Permission("reports.view", _("See reports"), EVERYONE),
    Permission("settings.shop", _("Edit the shop's settings"), LEADERS),
    Permission("settings.channels", _("Connect message providers"), frozenset({ADMIN})),
    Permission("settings.webhooks", _("Tell other systems by webhook"), frozenset({ADMIN})),
    Permission("settings.keys", _("Make API keys and sources"), frozenset({ADMIN})),
    Permission("users.manage", _("Manage users and their roles"), frozenset({ADMIN})),
    Permission("audit.view", _("Read the audit log"), LEADERS),
)
_ROLES_WITH = {permission.name: permission.roles for permission in PERMISSIONS}


def may(user: User | AnonymousUser, permission: str) -> bool:
    """
    Whether `user` holds `permission`. Superusers are administrators; nobody else gets past the table.

    Raises:
        LookupError: there is no such permission: a slip in our code, never an answer to give a visitor.
    """
    if permission not in _ROLES_WITH:
        raise LookupError(f"there is no permission {permission!r}; crm.access.roles.PERMISSIONS lists them")
    return user.is_authenticated and user.is_active and role_of(user) in _ROLES_WITH[permission]


def role_of(user: User) -> Role:
    """The role whose column of the table applies to `user`."""
    return ADMIN if user.is_superuser else Role(user.role)


def permissions_of(user: User | AnonymousUser) -> frozenset[str]:
    """Every permission `user` holds: what templates ask, as `"customers.edit" in may`."""
    return frozenset(name for name in _ROLES_WITH if may(user, name))
