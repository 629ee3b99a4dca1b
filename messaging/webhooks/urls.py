"""Public addresses of messaging. They are in messages long after these were sent, so they never change."""

from django.urls import path

from messaging.webhooks import public

app_name = "messaging_public"
urlpatterns = [
    path("u/<str:token>/", public.unsubscribe, name="unsubscribe"),
    path("preferences/<str:token>/", public.preferences, name="preferences"),
]
