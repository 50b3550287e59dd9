"""One file, read from the environment: settings differ between machines, code doesn't."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import dj_database_url
from botocore.config import Config
from django.templatetags.static import static

from ecommerce.environment import read_environment
from kernel import limits

env = read_environment()
BASE_DIR = Path(__file__).resolve().parents[1]

SECRET_KEY = env.secret_key
DEBUG = env.debug
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
QUEUES = (*MODULES, "users-outside", "payment-outside", "invoices-outside", "bus")
INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    *(f"apps.{module}" for module in MODULES),
    "kernel.rest",
    "kernel.bus",
]
MIDDLEWARE = [
    "kernel.rest.request_id.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "kernel.rest.request_id.StaffActorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
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
            f" -c idle_in_transaction_session_timeout={limits.IDLE_IN_TRANSACTION_SECONDS}s"
            # How alike a word of a name must be to one that is searched for; 0.6 misses most slips.
            " -c pg_trgm.word_similarity_threshold=0.5",
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
    "EXCEPTION_HANDLER": "kernel.rest.problems.handle_exception",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "UNICODE_JSON": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Shop API",
    "VERSION": "1.0.0",
    "DESCRIPTION": "Errors are RFC 9457 problem details with a stable `code`; lists are"
    " cursor-paginated; POSTs that change something honour `Idempotency-Key`.",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {
        "OrderState": "apps.orders.models.Order.State",
        "WorkState": ["NEW", "IN_PROGRESS", "COMPLETED", "FAILED", "CANCELLED"],
        "PaymentState": "apps.payment.models.Payment.State",
        "OperationState": "apps.payment.models.Operation.State",
        "OperationKind": "apps.payment.models.Kind",
        "CancelReason": "apps.orders.models.Order.CancelReason",
        "AuditOutcome": "apps.audit.models.Record.Outcome",
        "TimelineEntryKind": "apps.orders.models.What",
    },
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "ecommerce" / "static"]
WHITENOISE_USE_FINDERS = not STATIC_ROOT.exists()  # not collected: taken from where the apps are
AWS_REGION = env.aws_default_region
AWS_ENDPOINT_URL = env.aws_endpoint_url
MEDIA_BUCKET = env.media_bucket
INVOICES_BUCKET = env.invoices_bucket
UPLOADS_BUCKET = env.uploads_bucket
_S3 = {
    "region_name": AWS_REGION,
    "endpoint_url": AWS_ENDPOINT_URL,
    "file_overwrite": True,  # a key names its content: the same again changes nothing
    "client_config": Config(  # whoever waits asks again: a call ends well before a task must
        signature_version="s3v4",
        connect_timeout=limits.CONNECT_SECONDS,
        read_timeout=limits.READ_SECONDS,
        retries={"total_max_attempts": 1},
    ),
}
STORAGES = {
    "default": {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {**_S3, "bucket_name": MEDIA_BUCKET, "querystring_auth": False},
    },
    "invoices": {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {**_S3, "bucket_name": INVOICES_BUCKET, "querystring_expire": 300},
    },
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}

# Where mails go: to a server, else into files, else to the terminal.
_MAILS = "smtp" if env.email_host else "filebased" if env.email_directory else "console"
EMAIL_BACKEND = f"django.core.mail.backends.{_MAILS}.EmailBackend"
EMAIL_FILE_PATH = env.email_directory or None
EMAIL_HOST, EMAIL_PORT = env.email_host, env.email_port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = env.email_user, env.email_password
EMAIL_USE_TLS, EMAIL_USE_SSL = env.email_security == "starttls", env.email_security == "tls"
EMAIL_TIMEOUT = limits.READ_SECONDS
DEFAULT_FROM_EMAIL = env.email_from
STOREFRONT_URL = env.storefront_url

QUEUE_URL_PREFIX = env.queue_url_prefix
PAYMENT_3P_URL = env.payment_3p_url
PAYMENT_3P_API_KEY = env.payment_3p_api_key
PAYMENT_3P_WEBHOOK_SECRET = env.payment_3p_webhook_secret
STREAMS_URL = env.streams_url
CURRENCY = env.currency
ORDER_TIMEOUT = dt.timedelta(minutes=env.order_timeout_minutes)
QUOTE_LIFETIME = dt.timedelta(minutes=env.quote_minutes)
UNHEARD_AFTER = dt.timedelta(minutes=env.unheard_minutes)
LOG_RETENTION = dt.timedelta(days=env.log_retention_days)  # zero: for ever
REFUSE_SOLD_OUT = env.refuse_sold_out

SECURE_SSL_REDIRECT = False  # the load balancer redirects
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.is_https
SECURE_HSTS_SECONDS = 31_536_000 if env.is_https else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.is_https else None

LOGGING_CONFIG = "ecommerce.logs.configure"
LOGGING = {"format": env.log_format, "level": env.log_level}
UNFOLD = {
    "SITE_TITLE": "Shop",
    "SITE_HEADER": "Shop",
    "SITE_SUBHEADER": "Operations",
    "SHOW_HISTORY": True,
    "DASHBOARD_CALLBACK": "kernel.bus.admin.dashboard.with_health",
    "STYLES": [lambda request: static("shop/admin.css")],
    "SHOW_VIEW_ON_SITE": False,
}
