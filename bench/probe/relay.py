"""The shop's relay, which knows the probe."""

from __future__ import annotations

import django

django.setup()

from django.core.management import call_command  # noqa: E402 -- Django must be set up before

from bench.probe.handlers import hear_alone  # noqa: E402

if __name__ == "__main__":
    hear_alone()
    call_command("relay")
