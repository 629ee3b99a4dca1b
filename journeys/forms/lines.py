"""Lists in a form: a line for each entry, and an empty one behind them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

MOST = 60
Json = dict[str, Any]


class Line(forms.Form):
    """
    One entry. Its fields are called as the entry's keys, or as `keys` says.

    `was` is its number in the list that was edited, so that an entry keeps what no field shows.
    """

    keys: Mapping[str, str] = {}

    was = forms.IntegerField(required=False, min_value=0, max_value=MOST, widget=forms.HiddenInput())
    remove = forms.BooleanField(label=_("Take this line away"), required=False)

    def edited(self, entries: Sequence[Any]) -> Json | None:
        """The entry as the line says; None when it is to go or nothing was said."""
        was = self.cleaned_data.get("was")
        old = entries[was] if was is not None and was < len(entries) else None
        if self.cleaned_data.get("remove") or not (old or self.has_changed()):
            return None
        entry: Json = deepcopy(old) if isinstance(old, dict) else {}
        for name in self.fields:
            if name not in ("was", "remove") and (not entry or name in self.changed_data):
                self.put(entry, self.keys.get(name, name), self.cleaned_data.get(name))
        return entry

    def put(self, entry: Json, key: str, value: Any) -> None:
        entry[key] = value


class Lines:
    """
    The lines of one list.

    Args:
        kind: of line.
        entries: the list as it stands.
        data: what was sent; the lines that are in it are those there are.
        spare: empty lines to add behind those that were sent.
    """

    def __init__(
        self, kind: type[Line], name: str, entries: Sequence[Any], data: Mapping[str, Any] | None, *, spare: int = 0,
        **more: Any,
    ) -> None:  # fmt: skip
        self.entries = list(entries)[:MOST]
        initial = [self._initial(kind, entry, number) for number, entry in enumerate(self.entries)]
        count = len(initial) + 1
        if data is not None:
            sent = [int(found[1]) for key in data if (found := re.match(rf"{name}-([0-9]{{1,2}})-", key))]
            count = min(max(sent, default=-1) + 1 + spare, MOST)
        self.forms = [
            kind(
                data, prefix=f"{name}-{n}", initial=initial[n] if n < len(initial) else None,
                empty_permitted=n >= len(initial), use_required_attribute=False, **more,
            )
            for n in range(count)
        ]  # fmt: skip

    @staticmethod
    def _initial(kind: type[Line], entry: Any, number: int) -> Json:
        entry = entry if isinstance(entry, dict) else {}
        return {
            "was": number,
            **{name: entry.get(kind.keys.get(name, name)) for name in kind.base_fields if name != "was"},
        }

    def is_valid(self) -> bool:
        """Whether all lines are; those that are to go may say anything."""
        valid = [form.is_valid() or bool(form.cleaned_data.get("remove")) for form in self.forms]
        return all(valid)

    def edited(self) -> list[Json]:
        return [entry for form in self.forms if (entry := form.edited(self.entries)) is not None]
