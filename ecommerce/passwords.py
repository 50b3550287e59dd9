"""How passwords are hashed."""

from __future__ import annotations

from django.contrib.auth.hashers import Argon2PasswordHasher


class PasswordHasher(Argon2PasswordHasher):
    """
    Argon2id with 19 MiB, two passes, one lane: what OWASP's Password Storage Cheat Sheet names.

    Django's own 100 MiB for each sign-in would double a web process's memory.
    """

    memory_cost = 19 * 1024  # KiB
    time_cost = 2
    parallelism = 1
