"""What messages are about."""

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.models import Topic


class TopicForm(forms.ModelForm[Topic]):
    class Meta:
        model = Topic
        fields = ("name", "slug", "is_marketing")
        labels = {"slug": _("Short name"), "is_marketing": _("Marketing: only to those who said yes")}
        help_texts = {
            "slug": _("Short name in flows and records; it cannot change later."),
            "is_marketing": _("It cannot change later, since people agree to what it is."),
        }


class TopicNameForm(forms.ModelForm[Topic]):
    class Meta:
        model = Topic
        fields = ("name",)
