"""The blanks of an example: the places where words like YOUR API KEY wait for what is the account's own. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

# An account SID of Twilio's begins with AC; a blank one is all noughts.
_BLANK = re.compile(r"^YOUR [A-Z ]+$|A[ -]SECRET[ -]OF[ -]YOUR[ -]OWN|^AC0{32}$")
# What a service can do without: left empty, the setting is left out.
_OPTIONAL = frozenset({"YOUR WEBHOOK SIGNING KEY", "YOUR TRACKING WEBHOOK VERIFICATION KEY"})
_LABELS: Mapping[str, str | Promise] = {
    "YOUR API KEY": _("API key"),
    "YOUR API SECRET": _("API secret"),
    "YOUR USER NAME": _("User name"),
    "YOUR PASSWORD": _("Password"),
    "YOUR AUTH TOKEN": _("Auth token"),
    "YOUR TOKEN": _("Channel access token"),
    "YOUR SECRET": _("Channel secret"),
    "YOUR SERVER TOKEN": _("Server token"),
    "YOUR SECRET KEY": _("Secret key"),
    "YOUR WEBHOOK SIGNING KEY": _("Webhook signing key"),
    "YOUR TRACKING WEBHOOK VERIFICATION KEY": _("Verification key of the event webhook"),
    f"AC{'0' * 32}": _("Account SID"),
}
_OWN_LABEL = _("A secret of your own")
_OWN_HELP = _(
    "Make one up, of at least eight letters and digits. The provider shows it with every call, so that nobody else can "
    "tell us things in its name."
)

_OPTIONAL_HELP = _("Needed to hear what became of messages; without it leave this empty.")


def blanks_in(config: Any) -> list[str]:
    """The words that are still to be replaced, each once, in the order in which they stand."""
    return list(dict.fromkeys(_found(config)))


def fill_in(config: Any, given: Mapping[str, str]) -> Any:
    """A copy of `config` with what was entered for a blank in all its places, and without optional ones left empty."""
    if isinstance(config, dict):
        return {
            name: fill_in(value, given)
            for name, value in config.items()
            if given.get(str(value)) or str(value) not in _OPTIONAL
        }
    if isinstance(config, list):
        return [fill_in(value, given) for value in config]
    return _BLANK.sub(lambda blank: given.get(blank[0]) or blank[0], config) if isinstance(config, str) else config


def label_of(blank: str) -> str:
    """What to ask for."""
    return str(_OWN_LABEL if _is_own(blank) else _LABELS.get(blank, blank.removeprefix("YOUR ").capitalize()))


def help_of(blank: str) -> str:
    if blank in _OPTIONAL:
        return str(_OPTIONAL_HELP)
    return str(_OWN_HELP) if _is_own(blank) else ""


def _is_own(blank: str) -> bool:
    return blank.endswith("OWN")


def _found(config: Any) -> Iterator[str]:
    if isinstance(config, dict):
        config = list(config.values())
    if isinstance(config, list):
        for value in config:
            yield from _found(value)
    elif isinstance(config, str):
        yield from _BLANK.findall(config)
