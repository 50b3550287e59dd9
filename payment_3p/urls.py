from __future__ import annotations

from django.urls import path

from payment_3p import openapi, page, problems
from payment_3p.endpoints import ENDPOINTS

handler404 = problems.not_found
handler500 = problems.server_error

urlpatterns = [
    *(
        path(each.path[1:].replace("{", "<slug:").replace("}", ">"), each.view)
        for each in ENDPOINTS
    ),
    path("openapi.json", openapi.show),
    path("", page.show),
]
