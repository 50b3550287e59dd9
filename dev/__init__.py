"""What a laptop needs and production doesn't: PostgreSQL, the emulator, a supervisor, a demo."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
