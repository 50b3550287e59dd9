"""The web process: `gunicorn payment_3p.wsgi`. Each worker process also sends webhooks."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "payment_3p.settings"  # whatever the shell has for the shop
application = get_wsgi_application()

from payment_3p import webhooks  # noqa: E402 -- models can be imported only now

webhooks.start()
