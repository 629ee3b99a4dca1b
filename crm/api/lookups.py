"""The records that a body speaks of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from crm.api.base import Door
from crm.api.fields import fault
from crm.models import Customer, Product, Purchase, User
from crm.selectors.staff import colleagues
from crm.services import identities
from crm.services.identities import Identities


def customer_behind(given: UUID | Identities, door: Door, *, source: str = "") -> Customer:
    """
    The customer a CustomerField names, made known when it names somebody new by their identities.

    Raises:
        ValidationError: no customer has that id, or not one that this caller may know of.
    """
    found = door.visible_customers()
    if isinstance(given, Identities):
        person = identities.resolve(given, now=door.now, source=source or door.source)
        customer = found.filter(pk=person.customer_id).first()
    else:
        customer = found.filter(public_id=given).first()
    if customer is None:
        raise fault(["customer"], _("There is no such customer."), "unknown_customer")
    return customer


def purchase_behind(given: Mapping[str, Any] | None, customer: Customer) -> Purchase | None:
    """
    The customer's own purchase that a PurchaseField names.

    Raises:
        ValidationError: there is none.
    """
    if given is None:
        return None
    purchase = Purchase.objects.filter(customer=customer, **given).first()
    if purchase is None:
        raise fault(["purchase"], _("This customer has no such order."), "unknown_purchase")
    return purchase


def colleague_behind(username: str) -> User:
    """
    The member of staff with this user name.

    Raises:
        ValidationError: there is none who can sign in.
    """
    user = colleagues().filter(username=username).first()
    if user is None:
        raise fault(["assignee"], _("There is no colleague with this user name."), "unknown_user")
    return user


def product_behind(sku: str | None) -> Product | None:
    """
    The product with this SKU.

    Raises:
        ValidationError: there is none.
    """
    if not sku:
        return None
    product = Product.objects.filter(sku=sku).first()
    if product is None:
        raise fault(["product"], _("There is no product with this SKU."), "unknown_product")
    return product
