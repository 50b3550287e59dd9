"""Gunicorn's settings: `gunicorn -c python:payment_3p.gunicorn payment_3p.wsgi`."""

from __future__ import annotations

import os

bind = f"{os.environ.get('BIND_HOST', '0.0.0.0')}:{os.environ.get('PORT', '8000')}"  # noqa: S104
worker_class = "gthread"
threads = 4
loglevel = "warning"
control_socket_disable = True
