"""The doors of storefronts, at the paths that their makers' own clients use. A slash at the end is as good as none."""

from django.urls import re_path

from crm.webhooks import segment

app_name = "webhooks"
urlpatterns = [
    re_path(
        r"^(?:beacon/)?v1/(?P<kind>identify|track|page|screen|group|alias|batch|import|[itpsgab])/?$",
        segment.collect,
        name="segment",
    ),
    re_path(r"^v1/projects/(?P<write_key>[^/]{1,200})/settings/?$", segment.project_settings),
    re_path(r"^v1/m/?$", segment.metrics),
]
