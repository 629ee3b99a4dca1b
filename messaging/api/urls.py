"""The API of messaging, below api/v1/."""

from django.urls import URLPattern, URLResolver

app_name = "messaging_api"
urlpatterns: list[URLPattern | URLResolver] = []
