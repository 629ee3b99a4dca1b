"""The same people ask here as on crm's pages."""

from tests.crm.views.conftest import htmx, manager, sign_in

__all__ = ["htmx", "manager", "sign_in"]
