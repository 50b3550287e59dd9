"""The project: settings, URLs, Celery. It knows all and is known by none."""
