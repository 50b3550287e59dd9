"""Brings tables, queues and buckets up to date, in one process: starting Django costs seconds."""

from __future__ import annotations

import os

import django
from django.core.management import call_command

if __name__ == "__main__":
    django.setup()
    call_command("migrate", verbosity=0)
    if os.environ.get("AWS_ENDPOINT_URL"):
        call_command("create_queues")
