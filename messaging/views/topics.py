"""Settings of topics: what messages are about."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from crm.access.guards import staff_required
from crm.models import Topic
from crm.views.parts import done, posted
from messaging.forms.topics import TopicForm, TopicNameForm
from messaging.services import topics
from messaging.views.parts import settings_form

LIST = "messaging:topic_list"


@require_GET
@staff_required("settings.shop")
def topic_list(request: HttpRequest) -> HttpResponse:
    return render(request, "messaging/topic_list.html", {"topics": Topic.objects.all()})


@require_http_methods(["GET", "POST"])
@staff_required("settings.shop")
def topic_create(request: HttpRequest) -> HttpResponse:
    form = TopicForm(posted(request))
    if request.method == "POST" and form.is_valid():
        topic = topics.create_topic(**form.cleaned_data)
        return done(request, _("“%(name)s” is a topic now.") % {"name": topic}, reverse(LIST))
    return settings_form(request, form, _("New topic"), _("Add the topic"), (_("Topics"), LIST))


@require_http_methods(["GET", "POST"])
@staff_required("settings.shop")
def topic_edit(request: HttpRequest, slug: str) -> HttpResponse:
    topic = get_object_or_404(Topic, slug=slug)
    form = TopicNameForm(posted(request), instance=topic)
    if request.method == "POST" and form.is_valid():
        topics.rename_topic(topic, form.cleaned_data["name"])
        return done(request, _("“%(name)s” is saved.") % {"name": topic}, reverse(LIST))
    return settings_form(request, form, _(topic.name), _("Save"), (_("Topics"), LIST))
