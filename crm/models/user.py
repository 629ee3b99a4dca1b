"""Staff: the people who sign in."""

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from crm.models.shop import Shop


class User(AbstractUser):
    """A member of the shop's staff. What the role may do stands in crm.access.roles."""

    class Role(models.TextChoices):
        ADMIN = "admin", _("Administrator")
        MANAGER = "manager", _("Manager")
        MARKETER = "marketer", _("Marketer")
        SALES = "sales", _("Sales")
        SUPPORT = "support", _("Support")
        VIEWER = "viewer", _("Viewer")

    class Theme(models.TextChoices):
        SYSTEM = "", _("As the device")
        LIGHT = "light", _("Light")
        DARK = "dark", _("Dark")

    role = models.CharField(_("role"), max_length=16, choices=Role, default=Role.VIEWER)
    language = models.CharField(_("language"), max_length=8, blank=True)
    theme = models.CharField(_("theme"), max_length=8, choices=Theme, default=Theme.SYSTEM, blank=True)
    shortcuts = models.BooleanField(_("keyboard shortcuts"), default=True)

    def __str__(self) -> str:
        return self.get_full_name() or self.username

    @cached_property
    def shop(self) -> Shop:
        """The shop's settings, read once for as long as this object lives: a request."""
        return Shop.current()

    @property
    def sees_only_own(self) -> bool:
        """Whether the shop shows them only the customers they own and those that nobody owns."""
        is_sales = self.role == self.Role.SALES and not self.is_superuser
        return is_sales and self.shop.sales_see == Shop.SalesSee.OWN
