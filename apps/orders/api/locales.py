"""In which language a customer reads."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

ENGLISH = "en"


class LocaleField(serializers.RegexField):
    """A language, with or without a country; English if nothing is said."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            regex=r"^[a-z]{2,3}(-[A-Z]{2})?$",
            max_length=6,
            required=False,
            help_text="In which language mails and documents are written: `de`, `fr-CA`. What isn't"
            " known is English.",
            **options,
        )
