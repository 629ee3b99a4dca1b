"""Why a message did not go out, or not yet: the codes that rows store and the words that staff read."""

from __future__ import annotations

from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Reason(StrEnum):
    """One code per cause; the value is what rows, reports and the API carry."""

    # What policy finds, in the order it looks.
    ERASED = "erased"
    MERGED = "merged"
    UNREACHABLE = "unreachable"
    SUPPRESSED = "suppressed"
    NO_CONSENT = "no_consent"
    OPTED_OUT = "opted_out"
    COMPLAINT = "complaint"
    CAPPED = "capped"
    QUIET_HOURS = "quiet_hours"
    EXPIRED = "expired"
    # What rendering finds.
    NO_TEMPLATE = "no_template"
    TEMPLATE_ERROR = "template_error"
    # What a provider says, or does not say.
    REFUSED = "refused"
    UNKNOWN_ADDRESS = "unknown_address"
    BLOCKED = "blocked"
    COMPLAINED = "complained"
    UNDELIVERED = "undelivered"
    TEMPORARY = "temporary"
    RATE_LIMITED = "rate_limited"
    NOT_CONNECTED = "not_connected"
    ACCOUNT_REFUSED = "account_refused"
    NO_ANSWER = "no_answer"
    # What the sender itself decides.
    TOO_MANY_ATTEMPTS = "too_many_attempts"
    POISON = "poison"
    STOPPED = "stopped"
    PAUSED = "paused"
    RESTORED = "restored"

    @property
    def label(self) -> str | Promise:
        """The sentence staff read."""
        return _LABELS[self]


_LABELS: dict[Reason, str | Promise] = {
    Reason.ERASED: _("The customer's data was erased"),
    Reason.MERGED: _("The record was merged into another"),
    Reason.UNREACHABLE: _("We have no address for this channel"),
    Reason.SUPPRESSED: _("The address asked us not to write, or cannot be reached"),
    Reason.NO_CONSENT: _("No consent for this topic on this channel"),
    Reason.OPTED_OUT: _("Opted out of this topic on this channel"),
    Reason.COMPLAINT: _("Promotions wait while a complaint is open"),
    Reason.CAPPED: _("Enough messages for this day or week"),
    Reason.QUIET_HOURS: _("Quiet hours where the customer is"),
    Reason.EXPIRED: _("Too late to be of use"),
    Reason.NO_TEMPLATE: _("No published template for this channel"),
    Reason.TEMPLATE_ERROR: _("The template could not be filled in"),
    Reason.REFUSED: _("The provider refused the message"),
    Reason.UNKNOWN_ADDRESS: _("The address does not exist"),
    Reason.BLOCKED: _("The recipient blocks adverts"),
    Reason.COMPLAINED: _("The recipient marked it as spam"),
    Reason.UNDELIVERED: _("The provider could not deliver it"),
    Reason.TEMPORARY: _("The provider asked us to try again later"),
    Reason.RATE_LIMITED: _("The provider asked us to slow down"),
    Reason.NOT_CONNECTED: _("The provider could not be reached"),
    Reason.ACCOUNT_REFUSED: _("The provider refuses our credentials"),
    Reason.NO_ANSWER: _("The provider's answer was lost"),
    Reason.TOO_MANY_ATTEMPTS: _("Given up after too many attempts"),
    Reason.POISON: _("Sending it stopped the worker again and again"),
    Reason.STOPPED: _("Cancelled before it was sent"),
    Reason.PAUSED: _("Its broadcast is paused"),
    Reason.RESTORED: _("The database was restored: it may have gone out before"),
}


def label_of(code: str) -> str | Promise:
    """The sentence for a stored code; a code we no longer know stands for itself."""
    return Reason(code).label if code in Reason._value2member_map_ else code
