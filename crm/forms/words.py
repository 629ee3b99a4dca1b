"""
Sentences that others say on our pages, listed so that they are translated: what services refuse with, and what Django
and allauth have not put into Thai, or not well.
"""

from django.utils.translation import gettext_noop

REFUSALS = (
    gettext_noop("a name or an address is needed"),
    gettext_noop("a rating, a text or a link is needed"),
    gettext_noop("an amount or a line is needed"),
    gettext_noop("a tag is 1 to 64 characters"),
    gettext_noop("belongs to another customer"),
    gettext_noop("belongs to another customer's review"),
    gettext_noop("is before the order was placed"),
    gettext_noop("is empty"),
    gettext_noop("is needed for a yes"),
    gettext_noop("longer than 64 characters"),
    gettext_noop("must be 1 to 5"),
    gettext_noop("must be more than nothing"),
    gettext_noop("not a phone number"),
    gettext_noop("not a possible phone number"),
    gettext_noop("not an IANA time zone such as Asia/Bangkok"),
    gettext_noop("not an email address"),
    gettext_noop("too long for a phone number"),
)
OTHERS = (
    gettext_noop("Confirm Access"),
    gettext_noop("Download codes"),
    gettext_noop("Enter your password:"),
    gettext_noop("The password is too similar to the %(verbose_name)s."),
    gettext_noop("The phone number entered is not valid."),
    gettext_noop("This password is entirely numeric."),
    gettext_noop("This password is too common."),
    gettext_noop("View"),
)
