"""The table of roles, cell by cell, written out a second time on purpose."""

import pytest
from django.contrib.auth.models import AnonymousUser

from crm.access import roles
from crm.models import Shop, User

# permission            admin manager marketer sales support viewer
TABLE = """
customers.view          yes   yes     yes      yes   yes     yes
customers.edit          yes   yes     -        yes   yes     -
customers.tag           yes   yes     yes      yes   yes     -
customers.assign        yes   yes     -        -     -       -
customers.merge         yes   yes     -        -     -       -
contacts.reveal         yes   yes     -        yes   yes     -
consents.record         yes   yes     -        yes   yes     -
tasks.edit              yes   yes     -        yes   -       -
purchases.view          yes   yes     yes      yes   yes     yes
purchases.edit          yes   yes     -        yes   -       -
tickets.view            yes   yes     yes      yes   yes     yes
tickets.work            yes   yes     -        -     yes     -
reviews.view            yes   yes     yes      yes   yes     yes
reviews.moderate        yes   yes     -        -     yes     -
touchpoints.view        yes   yes     yes      yes   yes     yes
touchpoints.edit        yes   yes     yes      -     -       -
promotions.view         yes   yes     yes      yes   yes     -
promotions.edit         yes   yes     yes      -     -       -
coupons.redeem          yes   yes     -        yes   yes     -
coupons.void            yes   yes     -        -     yes     -
segments.view           yes   yes     yes      -     -       yes
segments.edit           yes   yes     yes      -     -       -
journeys.view           yes   yes     yes      yes   yes     yes
journeys.move           yes   yes     -        yes   yes     -
journeys.edit           yes   yes     yes      -     -       -
flows.view              yes   yes     yes      -     -       yes
flows.edit              yes   yes     yes      -     -       -
flows.publish           yes   yes     -        -     -       -
flows.stop              yes   yes     yes      -     -       -
templates.view          yes   yes     yes      -     -       yes
templates.edit          yes   yes     yes      -     -       -
broadcasts.view         yes   yes     yes      -     -       yes
broadcasts.edit         yes   yes     yes      -     -       -
broadcasts.send         yes   yes     yes      -     -       -
broadcasts.approve      yes   yes     -        -     -       -
messages.view           yes   yes     yes      yes   yes     yes
messages.send           yes   yes     -        yes   yes     -
suppressions.lift       yes   -       -        -     -       -
reports.view            yes   yes     yes      yes   yes     yes
settings.shop           yes   yes     -        -     -       -
settings.channels       yes   -       -        -     -       -
settings.webhooks       yes   -       -        -     -       -
settings.keys           yes   -       -        -     -       -
users.manage            yes   -       -        -     -       -
audit.view              yes   yes     -        -     -       -
"""
ROWS = {name: cells for name, *cells in (line.split() for line in TABLE.strip().splitlines())}


def test_the_table_has_a_line_for_every_permission_and_no_other():
    assert list(ROWS) == [permission.name for permission in roles.PERMISSIONS]


@pytest.mark.parametrize("name", ROWS)
def test_each_role_may_do_what_its_cell_says(name):
    assert [roles.may(User(role=role), name) for role in User.Role] == [cell == "yes" for cell in ROWS[name]]


@pytest.mark.parametrize("name", ROWS)
def test_a_superuser_is_an_administrator_whatever_the_role_says(name):
    assert roles.may(User(role=User.Role.VIEWER, is_superuser=True), name)


@pytest.mark.parametrize("name", ROWS)
def test_nobody_unknown_or_locked_out_may_do_anything(name):
    assert not roles.may(AnonymousUser(), name)
    assert not roles.may(User(role=User.Role.ADMIN, is_active=False), name)


def test_a_permission_that_does_not_exist_is_a_fault_and_not_a_refusal():
    with pytest.raises(LookupError, match=r"'customers\.fly'"):
        roles.may(User(role=User.Role.ADMIN), "customers.fly")


def test_a_persons_permissions_are_those_of_their_column():
    column = list(User.Role).index(User.Role.MARKETER)
    expected = {name for name, cells in ROWS.items() if cells[column] == "yes"}
    assert roles.permissions_of(User(role=User.Role.MARKETER)) == expected
    assert roles.permissions_of(AnonymousUser()) == frozenset()


@pytest.mark.django_db
@pytest.mark.parametrize("role", User.Role)
def test_only_sales_see_less_and_only_when_the_shop_says_so(role):
    shop = Shop.current()
    assert not User(role=role).sees_only_own

    shop.sales_see = Shop.SalesSee.OWN
    shop.save()

    assert User(role=role).sees_only_own == (role == User.Role.SALES)
