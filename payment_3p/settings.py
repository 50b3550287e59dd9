"""Everything is read from the environment; every name begins with PAYMENT_3P_."""

from __future__ import annotations

import os
import secrets
import sys
from decimal import Decimal
from pathlib import Path

import dj_database_url

_url = os.environ.get("PAYMENT_3P_DATABASE_URL")
if not _url:
    sys.exit("Set PAYMENT_3P_DATABASE_URL: the PostgreSQL database of the simulated third party.")

# The bearer token that every call but /preauth and /health needs; without one none is let in.
PAYMENT_3P_API_KEY = os.environ.get("PAYMENT_3P_API_KEY", "")
# Webhooks are sent only where both are set.
PAYMENT_3P_WEBHOOK_URL = os.environ.get("PAYMENT_3P_WEBHOOK_URL", "")
PAYMENT_3P_WEBHOOK_SECRET = os.environ.get("PAYMENT_3P_WEBHOOK_SECRET", "")
# How late the card that answers late answers.
PAYMENT_3P_SLOW_SECONDS = float(os.environ.get("PAYMENT_3P_SLOW_SECONDS", "30"))

# How long after a failed try a webhook is sent again; twice as long after each further one.
PAYMENT_3P_WEBHOOK_PAUSE_SECONDS = float(os.environ.get("PAYMENT_3P_WEBHOOK_PAUSE_SECONDS", "2"))
# What is kept of each capture: a share, and so many minor units.
PAYMENT_3P_FEE_PERCENT = Decimal(os.environ.get("PAYMENT_3P_FEE_PERCENT", "1.4"))
PAYMENT_3P_FEE_FIXED = int(os.environ.get("PAYMENT_3P_FEE_FIXED", "25"))

# Origins of pages that may send a card to /preauth, separated by commas.
CORS_ALLOWED_ORIGINS = [
    origin for origin in os.environ.get("PAYMENT_3P_ALLOWED_ORIGINS", "").split(",") if origin
]
CORS_URLS_REGEX = r"^/preauth$"
CORS_ALLOW_METHODS = ("POST",)
CORS_ALLOW_HEADERS = ("content-type",)

SECRET_KEY = secrets.token_hex(32)  # nothing here is signed with it
ALLOWED_HOSTS = ["*"]  # no page, no link and no cookie depends on the host name
ROOT_URLCONF = "payment_3p.urls"
WSGI_APPLICATION = "payment_3p.wsgi.application"
INSTALLED_APPS = ["corsheaders", "payment_3p"]
MIDDLEWARE = ["corsheaders.middleware.CorsMiddleware"]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).parent / "templates"],
    }
]
DATABASES = {
    "default": {**dj_database_url.parse(_url), "CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
DATA_UPLOAD_MAX_MEMORY_SIZE = 10_000
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
}
