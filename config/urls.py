"""The whole URL map: one include per app and interface."""

from django.contrib import admin
from django.urls import include, path

from config import health, pages

urlpatterns = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path("api/v1/", include("messaging.api.urls")),
    path("api/v1/", include("journeys.api.urls")),
    path("api/", include("crm.api.urls")),  # after the other APIs: it answers for what nobody has
    path("", include("crm.webhooks.urls")),
    path("", include("messaging.webhooks.urls")),
    path("", include("messaging.urls")),
    path("", include("journeys.urls")),
    path("", include("crm.urls")),
]

handler400 = pages.bad_request
handler403 = pages.forbidden
handler404 = pages.not_found
handler500 = pages.server_error
