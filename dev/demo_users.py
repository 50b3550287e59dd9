"""The demo's users: one for each role, all with one password, made for this machine."""

from __future__ import annotations

from pathlib import Path

from dev.environment import kept_secret

ROLES = ("admin", "warehouse", "delivery", "support", "customer")
PASSWORD_BYTES = 9


def email_of(role: str) -> str:
    """Return the login of the user with this role."""
    return f"{role}@shop.example"


def demo_password(state: Path) -> str:
    """Return the password of all of them."""
    return kept_secret(state, "demo_password", PASSWORD_BYTES)
