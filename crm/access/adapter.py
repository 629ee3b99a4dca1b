"""How staff get in."""

from allauth.account.adapter import DefaultAccountAdapter
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from crm.lib.clients import address_of

THROTTLED = "too_many_login_attempts"


class StaffAdapter(DefaultAccountAdapter):  # type: ignore[misc] # allauth ships no types
    error_messages = DefaultAccountAdapter.error_messages | {
        THROTTLED: _("Too many failed attempts. Wait five minutes, or have the password reset."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Nobody signs up: an administrator makes the accounts."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """Whose attempts are counted together; a header that the caller made up changes nothing."""
        return address_of(request)

    def validation_error(self, code: str, *args: object) -> ValidationError:
        """Also notes on the request that it came too often, which `ThrottleMiddleware` tells the caller."""
        if code == THROTTLED:
            self.request.is_throttled = True
        error: ValidationError = super().validation_error(code, *args)
        return error
