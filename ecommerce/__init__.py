"""The project: settings, URLs, Celery. It knows all and is known by none."""

from __future__ import annotations

from ecommerce.celery import app as celery_app

__all__ = ["celery_app"]
