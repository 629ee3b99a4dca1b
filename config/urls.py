"""The whole URL map: one include per app and interface."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

from config import health, metrics, pages

# One door for everybody: the admin's own would know neither the second factor nor how often somebody has tried.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

urlpatterns = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", metrics.metrics),
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
handler429 = pages.too_often  # asked for by allauth
handler500 = pages.server_error
