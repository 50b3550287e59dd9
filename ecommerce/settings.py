"""One file, read from the environment: settings differ between machines, code doesn't."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import dj_database_url
from botocore.config import Config
from django.templatetags.static import static

from ecommerce import celery, openapi
from ecommerce.environment import read_environment
from ecommerce.mails import anymail_settings
from kernel import limits

env = read_environment()
CELERY_APP = celery.app  # there before any task is declared; not in a role that only looks
BASE_DIR = Path(__file__).resolve().parents[1]

SECRET_KEY = env.secret_key
DEBUG = env.debug
ENVIRONMENT = env.environment
ALLOWED_HOSTS = env.allowed_hosts
CSRF_TRUSTED_ORIGINS = env.csrf_trusted_origins
ROOT_URLCONF = "ecommerce.urls"
WSGI_APPLICATION = "ecommerce.wsgi.application"
TIME_ZONE = "UTC"
USE_TZ = True
FORMAT_MODULE_PATH = ["ecommerce.formats"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

MODULES = ("users", "products", "orders", "warehouse", "delivery", "payment", "audit", "invoices")
# A queue for each module; those that call the outside world have a second one for that.
QUEUES = (
    *MODULES,
    "users-outside",
    "products-outside",
    "payment-outside",
    "invoices-outside",
    "bus",
)
# Queues that others fill and no Celery worker reads: `@foreign` says who takes what comes there.
FOREIGN_QUEUES = ("uploads",)
INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "corsheaders",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    *(f"apps.{module}" for module in MODULES),
    "kernel.rest",
    "kernel.bus",
]
MIDDLEWARE = [
    "kernel.rest.request_id.RequestIdMiddleware",
    "kernel.rest.compression.CompressionMiddleware",
    "kernel.rest.throttles.RateLimitMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "kernel.rest.paths.CleanPathMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "kernel.rest.request_id.StaffActorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
# Where gunicorn listens for Prometheus too; without it requests aren't counted.
METRICS_PORT = os.environ.get("METRICS_PORT", "")
if METRICS_PORT:
    MIDDLEWARE.insert(0, "ecommerce.metrics.MetricsMiddleware")
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "ecommerce" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

_database = dj_database_url.parse(env.database_url)
DATABASES = {
    "default": {
        **_database,
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            **_database.get("OPTIONS", {}),
            "options": f"-c statement_timeout={limits.STATEMENT_SECONDS}s"
            f" -c lock_timeout={limits.LOCK_SECONDS}s"
            f" -c idle_in_transaction_session_timeout={limits.IDLE_IN_TRANSACTION_SECONDS}s",
        },
    }
}

AUTH_USER_MODEL = "users.User"
PASSWORD_HASHERS = ["ecommerce.passwords.PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
ACCESS_TOKEN_SECONDS = 300
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": dt.timedelta(seconds=ACCESS_TOKEN_SECONDS),
    "REFRESH_TOKEN_LIFETIME": dt.timedelta(days=30),
    "USER_ID_CLAIM": "user_id",
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["kernel.rest.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["kernel.rest.rendering.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["kernel.rest.rendering.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "kernel.rest.schema.Schema",
    # Our own proxies that add to X-Forwarded-For: what a client writes there is not believed.
    "NUM_PROXIES": 1 if env.is_https else 0,
    "DEFAULT_THROTTLE_CLASSES": ["kernel.rest.throttles.Throttle"],
    "EXCEPTION_HANDLER": "kernel.rest.problems.handle_exception",
    "URL_FORMAT_OVERRIDE": None,  # `Accept` says it
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "UNICODE_JSON": True,
}
# By scope; what has no rate isn't counted.
THROTTLE_RATES = {
    "read": env.throttle_read,
    "write": env.throttle_write,
    "order": env.throttle_order,
    "login": env.throttle_login,
    "register": env.throttle_register,
    "password_reset": env.throttle_password_reset,
    "order_link": env.throttle_order_link,
}
if not env.throttle:
    THROTTLE_RATES = {}
THROTTLE_STAFF_FACTOR = env.throttle_staff_factor
# Which pages may use the API in a browser, by no cookie: whoever calls says who it is. The process
# `streams` reads these too.
CORS_ALLOWED_ORIGINS = env.cors_allowed_origins
CORS_URLS_REGEX = r"^/api/"
CORS_PREFLIGHT_MAX_AGE = limits.PREFLIGHT_SECONDS
CORS_ALLOW_HEADERS = (
    "authorization",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "last-event-id",
    "x-request-id",
    "order-token",
    "cart-token",
)
CORS_EXPOSE_HEADERS = (
    "ETag",
    "Location",
    "X-Request-ID",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "Idempotent-Replayed",
)
SPECTACULAR_SETTINGS = openapi.SETTINGS
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000

LOGIN_REDIRECT_URL = "admin:index"  # of whoever goes to the admin's login by itself

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "ecommerce" / "static"]
WHITENOISE_USE_FINDERS = not STATIC_ROOT.exists()  # not collected: taken from where the apps are
AWS_REGION = env.aws_default_region
AWS_ENDPOINT_URL = env.aws_endpoint_url
MEDIA_BUCKET = env.media_bucket
INVOICES_BUCKET = env.invoices_bucket
UPLOADS_BUCKET = env.uploads_bucket
AUDIT_BUCKET = env.audit_bucket
# By prefix: what of it is told on which queue, and when S3 deletes what nobody else has deleted.
UPLOADS_TOLD = {"invoice-imports/": "uploads"}
UPLOADS_KEPT_DAYS = {"pictures/": 1, "invoice-imports/": 7}
S3_CONFIG = Config(  # whoever waits asks again: a call ends well before a task must
    signature_version="s3v4",
    connect_timeout=limits.CONNECT_SECONDS,
    read_timeout=limits.READ_SECONDS,
    retries={"total_max_attempts": 1},
    # An emulator has one host name for all buckets.
    s3={"addressing_style": "path" if AWS_ENDPOINT_URL else "auto"},
)
_S3 = {
    "region_name": AWS_REGION,
    "endpoint_url": AWS_ENDPOINT_URL,
    "file_overwrite": True,  # a key names its content: the same again changes nothing
    "client_config": S3_CONFIG,
}
# What a key names never changes.
_FOR_EVER = {"CacheControl": "public, max-age=31536000, immutable"}
STORAGES = {
    "default": {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            **_S3,
            "bucket_name": MEDIA_BUCKET,
            "querystring_auth": False,
            "object_parameters": _FOR_EVER,
        },
    },
    "invoices": {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {**_S3, "bucket_name": INVOICES_BUCKET, "querystring_expire": 300},
    },
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}

# Where mails go: to SES, else to a server, else into files, else to the terminal.
_MAILS = "smtp" if env.email_host else "filebased" if env.email_directory else "console"
EMAIL_BACKEND = f"django.core.mail.backends.{_MAILS}.EmailBackend"
if env.email_ses:
    EMAIL_BACKEND = "anymail.backends.amazon_ses.EmailBackend"
ANYMAIL = anymail_settings(env)
EMAIL_FILE_PATH = env.email_directory or None
EMAIL_HOST, EMAIL_PORT = env.email_host, env.email_port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = env.email_user, env.email_password
EMAIL_USE_TLS, EMAIL_USE_SSL = env.email_security == "starttls", env.email_security == "tls"
EMAIL_TIMEOUT = limits.READ_SECONDS
DEFAULT_FROM_EMAIL = env.email_from
STOREFRONT_URL = env.storefront_url

QUEUE_URL_PREFIX = env.queue_url_prefix
PAYMENT_GATEWAYS = env.payment_gateways
# How long a gateway holds an amount, where it doesn't say so itself.
_HOLD_DAYS = {"payment_3p": env.payment_3p_hold_days, "stripe": env.stripe_hold_days}
HOLD_LIFETIMES = {name: dt.timedelta(days=days) for name, days in _HOLD_DAYS.items()}
PAYMENT_3P_URL = env.payment_3p_url
PAYMENT_3P_API_KEY = env.payment_3p_api_key
PAYMENT_3P_WEBHOOK_SECRET = env.payment_3p_webhook_secret
STRIPE_SECRET_KEY = env.stripe_secret_key
STRIPE_WEBHOOK_SECRET = env.stripe_webhook_secret
STRIPE_URL = env.stripe_url
STREAMS_URL = env.streams_url
CURRENCY = env.currency
ORDER_TIMEOUT = dt.timedelta(minutes=env.order_timeout_minutes)
ORDER_LINK_LIFETIME = dt.timedelta(days=env.order_link_days)
GUEST_CART_LIFETIME = dt.timedelta(days=env.guest_cart_days)
CART_LIFETIME = dt.timedelta(days=env.cart_days)
QUOTE_LIFETIME = dt.timedelta(minutes=env.quote_minutes)
UNHEARD_AFTER = dt.timedelta(minutes=env.unheard_minutes)
LOG_RETENTION = dt.timedelta(days=env.log_retention_days)  # zero: for ever
REFUSE_SOLD_OUT = env.refuse_sold_out
PRICES_INCLUDE_TAX = env.prices_include_tax

SECURE_SSL_REDIRECT = False  # the load balancer redirects
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.is_https
SECURE_HSTS_SECONDS = 31_536_000 if env.is_https else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.is_https else None

LOGGING_CONFIG = "ecommerce.logs.configure"
LOGGING = {"format": env.log_format, "level": env.log_level}
# OpenTelemetry's own setting: where traces go. Without it nothing of its library is imported.
TRACING = "ecommerce.traces.start" if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") else None
UNFOLD = {
    "SITE_TITLE": "Shop",
    "SITE_HEADER": "Shop",
    "SITE_SUBHEADER": "Operations",
    "SHOW_HISTORY": True,
    "DASHBOARD_CALLBACK": "kernel.bus.admin.dashboard.with_health",
    "SIDEBAR": {"navigation": "ecommerce.navigation.sidebar"},
    "STYLES": [lambda request: static("shop/admin.css")],
    "SHOW_VIEW_ON_SITE": False,
}
