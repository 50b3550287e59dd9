from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from kernel.bus import docs, permanence
from kernel.bus.permanence import BrokenName, Names
from kernel.rest import reference


class Command(BaseCommand):
    help = (
        "Write docs/events.md, asyncapi.yaml, states.md, handlers.txt, the events' schemas,"
        " openapi.yaml and problems.md."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="Write nothing; fail if a file is not current."
        )
        parser.add_argument(
            "--unreleased",
            action="store_true",
            help="Take incompatible schemas too: for events that no release has said yet.",
        )
        parser.add_argument(
            "--retire",
            action="append",
            default=[],
            metavar="NAME",
            help="Let the name of a handler go that is gone from the code on purpose.",
        )

    def handle(self, *, check: bool, unreleased: bool, retire: list[str], **_: Any) -> None:
        root = Path(settings.BASE_DIR) / "docs"
        wanted = docs.documents(_names(root, retire)) | reference.documents()
        _demand_hearers()
        if not unreleased:
            _demand_compatible(root, wanted)
        if check:
            _demand_current(root, wanted)
            return
        for stale in _stale(root, wanted):
            stale.unlink()
        for name, text in wanted.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        self.stdout.write(f"{len(wanted)} files below {root.name}/ are current.")


def _names(root: Path, retire: list[str]) -> Names:
    """Return the handlers' names as they are to be committed."""
    path = root / permanence.FILE
    committed = Names.parse(path.read_text() if path.exists() else "")
    try:
        kept = committed.retire(*retire)
        code = Names.of_code(kept.retired)
        kept.demand_kept(code)
    except BrokenName as error:
        raise CommandError(str(error)) from None
    return code


def _demand_hearers() -> None:
    if names := docs.unexplained():
        raise CommandError(
            f"Nobody hears {', '.join(names)}: say why (`unheard=…`), or remove them."
        )


def _demand_compatible(root: Path, wanted: dict[str, str]) -> None:
    for name, text in wanted.items():
        path = root / name
        if path.suffix == ".json" and path.exists():
            broken = docs.broken_promises(json.loads(path.read_text()), json.loads(text))
            if broken:
                raise CommandError(
                    f"{path.stem} wants a new version beside it: {'; '.join(broken)}."
                )


def _demand_current(root: Path, wanted: dict[str, str]) -> None:
    old = [
        n for n, text in wanted.items() if not (root / n).exists() or (root / n).read_text() != text
    ]
    old += [f"events/{path.name}" for path in _stale(root, wanted)]
    if old:
        raise CommandError(f"Not current: {', '.join(sorted(old))}. Run `make docs`.")


def _stale(root: Path, wanted: dict[str, str]) -> list[Path]:
    return [p for p in sorted((root / "events").glob("*.json")) if f"events/{p.name}" not in wanted]
