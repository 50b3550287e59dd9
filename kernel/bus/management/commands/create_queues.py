from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from kernel.bus import queues


class Command(BaseCommand):
    help = (
        "Create the queues with their dead-letter queues, and the buckets with what they tell, at"
        " the emulator that AWS_ENDPOINT_URL names. What is there already stays."
    )
    requires_system_checks = ()

    def handle(self, *_: Any, **__: Any) -> None:
        if not settings.AWS_ENDPOINT_URL:
            raise CommandError(
                "AWS_ENDPOINT_URL is not set. This command is for the local emulator; on AWS the"
                " CDK stack makes queues and buckets."
            )
        names = [*queues.create_queues(), *queues.create_buckets()]
        queues.tell_of_uploads()
        self.stdout.write(f"There are now: {', '.join(names)}.")
