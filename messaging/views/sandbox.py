"""The sandbox phone: what would have arrived on people's phones, and what they may do with it."""

from __future__ import annotations

from typing import Any

from csp.constants import NONE
from csp.decorators import csp
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from crm.access.guards import staff_of, staff_required
from crm.lib.htmx import wants
from crm.models import User
from crm.selectors.search import clean
from crm.views.parts import done, refused
from messaging.forms.phone import NewTextForm, ReplyForm
from messaging.inbound import phone as handset
from messaging.models import Message, SandboxText
from messaging.selectors import phone
from messaging.selectors.phone import Conversation

# What can be played by hand, in the order of the buttons.
NEWS = ("delivered", "undelivered", "blocked")


@require_GET
@staff_required("messages.view")
def sandbox(request: HttpRequest) -> HttpResponse:
    """The conversations on the phone. A poll that finds nothing new gets no answer to swap in."""
    return _show(request)


@require_GET
@staff_required("messages.view")
def sandbox_talk(request: HttpRequest, key: str) -> HttpResponse:
    """One conversation, found by any text in it."""
    return _show(request, _conversation(request, key))


@require_POST
@staff_required("messages.send")
def sandbox_reply(request: HttpRequest, key: str) -> HttpResponse:
    """Answer as the customer: it comes in as from any network, so STOP stops."""
    talk = _conversation(request, key)
    form, back = ReplyForm(request.POST), reverse("messaging:sandbox_talk", args=[key])
    if not form.is_valid():
        return refused(request, str(form.errors["body"][0]), back)
    handset.write_back(
        address=talk.last.address, channel=talk.last.channel, body=form.cleaned_data["body"], now=timezone.now()
    )
    return done(request, _("The shop has it."), back)


@require_http_methods(["GET", "POST"])
@staff_required("messages.send")
def sandbox_new(request: HttpRequest) -> HttpResponse:
    """Write to the shop from any number, also one it does not know."""
    channels = [channel.channel for channel in phone.sandbox_channels()]
    if not channels:
        return _show(request)
    form = NewTextForm(request.POST or None, channels=channels)
    if request.method == "POST" and form.is_valid():
        inbound = handset.write_back(**form.cleaned_data, now=timezone.now())
        url = reverse("messaging:sandbox_talk", args=[inbound.provider_id])
        return done(request, _("The shop has it."), url)
    return render(request, "messaging/sandbox_new.html", {"form": form}, status=422 if form.errors else 200)


@require_POST
@staff_required("messages.send")
def sandbox_receipt(request: HttpRequest, key: str) -> HttpResponse:
    """Have a message meet the fate `news`, as its network would report it."""
    text, news = _text(request, key), request.POST.get("news", "")
    back = reverse("messaging:sandbox_talk", args=[key])
    message = Message.objects.filter(public_id=key).first()
    if message is None or news not in NEWS or not text.is_from_us:
        raise Http404
    before = message.state
    message = handset.simulate_receipt(message, news, now=timezone.now())
    if message.state == before:
        said = _("The receipt is kept. A message that is %(state)s stays so.")
        return done(request, said % {"state": message.get_state_display()}, back)
    return done(request, _("The message is %(state)s now.") % {"state": message.get_state_display()}, back)


@require_GET
@csp({"default-src": [NONE], "style-src": ["'unsafe-inline'"], "img-src": ["https:", "data:"], "sandbox": True})  # type: ignore[arg-type] # forgets what views take
@staff_required("messages.view")
def sandbox_letter(request: HttpRequest, key: str) -> HttpResponse:
    """The HTML part of an email, fenced in: no script, no form, an origin of its own."""
    text = _text(request, key)
    if not text.html:
        raise Http404
    return HttpResponse(text.html)


def _conversation(request: HttpRequest, key: str) -> Conversation:
    talk = phone.conversation(staff_of(request), key)
    if talk is None:
        raise Http404
    return talk


def _text(request: HttpRequest, key: str) -> SandboxText:
    text = phone.texts_for(staff_of(request)).filter(key=key).first()
    if text is None:
        raise Http404
    return text


def _show(request: HttpRequest, talk: Conversation | None = None) -> HttpResponse:
    """The phone; or of it the list ("talks") or the conversation ("talk") that htmx asked for."""
    user, query = staff_of(request), clean(request.GET.get("q", ""))
    context: dict[str, Any] = {"talk": talk, "query": query, "news": NEWS, "channels": phone.sandbox_channels()}
    if not context["channels"]:
        return render(request, "messaging/sandbox.html", context)
    for name in ("talk", "talks"):
        if wants(request, name):
            context |= _part(name, user, talk, query)
            if request.GET.get("seen") == context[f"{name}_seen"]:
                return HttpResponse(status=204)
            return render(request, f"messaging/sandbox.html#{name}", context)
    context |= {"form": ReplyForm()} | _part("talk", user, talk, query) | _part("talks", user, talk, query)
    return render(request, "messaging/sandbox.html", context)


def _part(name: str, user: User, talk: Conversation | None, query: str) -> dict[str, Any]:
    """Context of one of the two fragments, with the fingerprint that its next poll brings back."""
    if name == "talks":
        talks = phone.conversations(user, query)
        return {"talks": talks, "talks_seen": phone.fingerprint(talks)}
    bubbles = phone.bubbles(talk.last.address) if talk else []
    return {"bubbles": bubbles, "talk_seen": phone.fingerprint(bubbles)}
