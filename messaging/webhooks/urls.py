"""Public addresses of messaging. They are in messages long after these were sent, so they never change."""

from django.urls import path, re_path

from messaging.rendering.shortening import TOKEN
from messaging.webhooks import files, providers, public, short

app_name = "messaging_public"
urlpatterns = [
    re_path(rf"^(?P<token>{TOKEN})$", short.follow, name="follow"),
    path("u/<str:token>/", public.unsubscribe, name="unsubscribe"),
    path("preferences/<str:token>/", public.preferences, name="preferences"),
    path("f/<str:token>/", files.hand_out, name="file"),
    path("hooks/messages/<str:token>/", providers.door, name="hook"),
    path("hooks/messages/<str:token>/<str:what>/", providers.door, name="door"),
]
