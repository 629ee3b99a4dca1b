"""Who asks, and what for."""

from tests.crm.views.conftest import htmx, manager, sign_in

__all__ = ["htmx", "manager", "sign_in"]
