"""A trace as a picture: a page of HTML that needs nothing else, one bar for each span."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from dev.trace.receiver import Span
from dev.trace.tree import Branch, branches, is_statement

_PAGE = """<!doctype html>
<meta charset="utf-8">
<title>{title}</title>
<style>
  body {{ font: 13px/1.5 system-ui, sans-serif; margin: 24px; color: #1c1e21; background: #fff }}
  h1 {{ font-size: 17px; margin: 0 }}
  p {{ margin: 0 0 14px; color: #60656b }}
  .row {{ display: grid; grid-template-columns: 440px 1fr; min-height: 20px }}
  .row:nth-child(odd) {{ background: #f6f7f8 }}
  .name {{ overflow: hidden; white-space: nowrap; text-overflow: ellipsis; padding-right: 8px }}
  .name small {{ color: #60656b }}
  .time {{ position: relative }}
  .time i {{ position: absolute; top: 4px; height: 12px; min-width: 2px; border-radius: 2px }}
  .time span {{ position: absolute; font-size: 11px; color: #60656b; white-space: nowrap }}
  .statement .time i {{ top: 7px; height: 6px }}
  .statement .name {{ color: #60656b }}
  .failed .name {{ color: #b3261e }}
</style>
<h1>{title}</h1>
<p>{subtitle}</p>
{rows}
"""
_ROW = """<div class="row{marks}" title="{told}">\
<div class="name" style="padding-left:{indent}px">{name} <small>{service}</small></div>\
<div class="time"><i style="left:{left:.3f}%;width:{width:.3f}%;background:{colour}"></i>\
<span style="{side}">{took:.1f} ms</span></div></div>"""
_COLOURS = {
    "server": "#2b6cb0",
    "producer": "#b7791f",
    "consumer": "#2f855a",
    "client": "#9aa5b1",
    "internal": "#6b46c1",
}


def as_html(spans: Sequence[Span]) -> str:
    """Return the page of one trace."""
    rows = list(branches(spans))
    whole = max(branch.after + branch.took for branch in rows) or 1
    services = sorted({span.service for span in spans})
    subtitle = (
        f"Trace {spans[0].trace_id}: {len(spans)} spans in {whole:.0f} ms; {', '.join(services)}"
    )
    return _PAGE.format(
        title=escape(rows[0].span.name),
        subtitle=escape(subtitle),
        rows="\n".join(_row(branch, whole) for branch in rows),
    )


def _row(branch: Branch, whole: float) -> str:
    span = branch.span
    left, width = 96 * branch.after / whole, 96 * branch.took / whole
    marks = " statement" * is_statement(span) + " failed" * span.has_failed
    return _ROW.format(
        marks=marks,
        told=escape("\n".join(f"{key} = {value}" for key, value in span.attributes.items())),
        indent=branch.depth * 14,
        name=escape(span.name),
        service=escape("" if is_statement(span) else span.service),
        left=left,
        width=width,
        colour=_COLOURS.get(span.kind, "#9aa5b1"),
        side=f"left:calc({left + width:.3f}% + 6px)" if left < 70 else f"right:{101 - left:.3f}%",
        took=branch.took,
    )
