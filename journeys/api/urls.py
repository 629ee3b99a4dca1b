"""The API of journeys, below api/v1/."""

from django.urls import URLPattern, URLResolver

app_name = "journeys_api"
urlpatterns: list[URLPattern | URLResolver] = []
