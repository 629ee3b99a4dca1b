"""Names and addresses as far as a member of staff may see them."""

from __future__ import annotations

from crm.access.roles import may
from crm.lib.masks import mask_email, mask_phone, mask_text, readable_phone
from crm.models import Customer, User


def name_for(customer: Customer, user: User) -> str:
    """What to call `customer` before `user`: a nameless one goes by an address, which not everybody may read."""
    return customer.name or address_for(customer, user) or customer.display_name


def address_for(customer: Customer, user: User) -> str:
    """The best address of `customer`, masked for those who may not see it; "" when there is none."""
    if may(user, "contacts.reveal"):
        return readable_phone(str(customer.phone or "")) or customer.email or customer.line_id
    return mask_phone(str(customer.phone or "")) or mask_email(customer.email) or mask_text(customer.line_id)
