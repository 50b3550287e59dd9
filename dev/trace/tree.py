"""A trace as a tree: who was the cause of whom."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Sequence

from dev.trace.receiver import Span

MILLISECOND = 1_000_000  # in nanoseconds


@dataclasses.dataclass(frozen=True)
class Branch:
    """A span, how deep it lies, and when it began and how long it took, in milliseconds."""

    span: Span
    depth: int
    after: float
    took: float


def branches(spans: Sequence[Span]) -> Iterator[Branch]:
    """Yield every span below its cause; those whose cause hasn't come are roots too."""
    known = {span.span_id for span in spans}
    below: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        below[span.parent_id if span.parent_id in known else ""].append(span)
    first = min(span.began for span in spans)
    waiting = [(span, 0) for span in reversed(below[""])]
    while waiting:
        span, depth = waiting.pop()
        yield Branch(
            span,
            depth,
            (span.began - first) / MILLISECOND,
            (span.ended - span.began) / MILLISECOND,
        )
        waiting += [(each, depth + 1) for each in reversed(below[span.span_id])]


def as_text(spans: Sequence[Span]) -> str:
    """Return a line for each span; statements are counted in their cause's line."""
    statements: dict[str, int] = defaultdict(int)
    for span in spans:
        statements[span.parent_id] += is_statement(span)
    return "\n".join(
        _line(branch, statements[branch.span.span_id])
        for branch in branches(spans)
        if not is_statement(branch.span)
    )


def is_statement(span: Span) -> bool:
    """Say whether it is something that was asked of the database."""
    return "db.system.name" in span.attributes


def _line(branch: Branch, statements: int) -> str:
    span = branch.span
    counted = f", {statements} SQL" if statements else ""
    failed = f"  ✗ {span.attributes.get('error.type', '')}" if span.has_failed else ""
    what = f"{'  ' * branch.depth}{span.name}"
    return f"{branch.after:8.1f} ms  {what:<62} {branch.took:7.1f} ms{counted}{failed}"
