"""The API of messaging, below api/v1/."""

from django.urls import path

from messaging.api.broadcasts import BroadcastView
from messaging.api.messages import MessageView
from messaging.api.sms import MeasureView
from messaging.api.templates import TemplateView

app_name = "messaging_api"
urlpatterns = [
    path("broadcasts/", BroadcastView.as_view({"get": "list", "post": "create"})),
    path(
        "broadcasts/<uuid:id>/",
        BroadcastView.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
    ),
    *(
        path(f"broadcasts/<uuid:id>/{call}/", BroadcastView.as_view({"post": call}))
        for call in ("estimate", "send", "approve", "recall", "pause", "resume", "cancel", "winner")
    ),
    path("broadcasts/<uuid:id>/results/", BroadcastView.as_view({"get": "results"})),
    path("messages/", MessageView.as_view({"get": "list", "post": "send"})),
    path("messages/<uuid:id>/", MessageView.as_view({"get": "retrieve"})),
    path("templates/", TemplateView.as_view({"get": "list", "post": "create"})),
    path("templates/<uuid:id>/", TemplateView.as_view({"get": "retrieve"})),
    path("sms/measure/", MeasureView.as_view()),
]
