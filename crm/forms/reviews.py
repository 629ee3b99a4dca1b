"""Reviews: our answer, and reviews found on other sites."""

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.forms.base import DateInput
from crm.models import Review


class ReplyForm(forms.Form):
    text = forms.CharField(
        label=_("Our answer"), max_length=5000, widget=forms.Textarea(attrs={"rows": 3, "data-draft": "answer"})
    )


class OutsideReviewForm(forms.Form):
    """A review that somebody of the shop found on another site, or was told of."""

    site = forms.ChoiceField(label=_("Where"), choices=[choice for choice in Review.Site.choices if choice[0] != "own"])
    url = forms.URLField(label=_("Link"), max_length=500, required=False, assume_scheme="https")
    rating = forms.TypedChoiceField(
        label=_("Stars"), coerce=int, empty_value=None, required=False,
        choices=[("", _("none given")), *((n, "★" * n) for n in range(5, 0, -1))],
    )  # fmt: skip
    body = forms.CharField(label=_("Text"), max_length=10_000, required=False, widget=forms.Textarea(attrs={"rows": 4}))
    reviewed_on = forms.DateField(label=_("Written on"), required=False, widget=DateInput())
