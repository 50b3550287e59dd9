from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularSwaggerView

from ecommerce import health, metrics, reference

handler400 = "kernel.rest.problems.bad_request"
handler404 = "kernel.rest.problems.not_found"
handler500 = "kernel.rest.problems.server_error"

api: list[URLPattern | URLResolver] = [
    path("", include(f"apps.{module}.urls")) for module in settings.MODULES
]
api += [
    path("health/live", health.live, name="live"),
    path("health/ready", health.ready, name="ready"),
    path("schema", reference.Schema.as_view(), name="schema"),
    path("docs", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
]
urlpatterns = [
    path("api/v1/", include(api)),
    path("docs", reference.docs, name="reference"),
    path("docs/problems", reference.problems, name="problems"),
    path("admin/", admin.site.urls),
    path("metrics", metrics.metrics, name="metrics"),
]
