"""How staff get in."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest

from crm.lib.clients import address_of


class StaffAdapter(DefaultAccountAdapter):  # type: ignore[misc] # allauth ships no types
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Nobody signs up: an administrator makes the accounts."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """Whose attempts are counted together; a header that the caller made up changes nothing."""
        return address_of(request)
