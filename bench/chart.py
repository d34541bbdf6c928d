"""A bar chart as SVG, readable on light and on dark ground."""

from collections.abc import Iterable
from html import escape
from statistics import median
from typing import Any

WIDTH, LABELS, BAR, GAP = 860, 400, 16, 8
STYLE = """\
<style>
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-size: 15px; font-weight: 600 }
  .bar { fill: #8c959f } .ours { fill: #0969da } .range { stroke: #24292f }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .bar { fill: #6e7681 } .ours { fill: #58a6ff } .range { stroke: #e6edf3 }
  }
</style>"""


def draw(data: dict[str, Any], works: list[str]) -> str:
    """Draw requests a second for some works: the median as a bar, least to most as a line."""
    y, parts = 0, []
    for work in works:
        rows = _rows(data, work)
        y += 28
        parts.append(f'<text class="title" x="0" y="{y}">{escape(work)}, requests/s</text>')
        y += 14
        most = max(high for *_, high in rows)
        for row in rows:
            parts.extend(_bar(row, y, (WIDTH - LABELS - 70) / most))
            y += BAR + GAP
        y += 10
    title = f"Requests a second: {', '.join(works)}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" role="img">'
    return "\n".join([head, f"<title>{escape(title)}</title>", STYLE, *parts, "</svg>", ""])


def _rows(data: dict[str, Any], work: str) -> list[tuple[str, float, float, float]]:
    rates: dict[str, list[float]] = {}
    for result in data["results"]:
        if work in result["loads"]:
            rates.setdefault(result["peer"], []).append(result["loads"][work]["rate"])
    rows = [(peer, min(v), median(v), max(v)) for peer, v in rates.items()]
    return sorted(rows, key=lambda row: -row[2])


def _bar(row: tuple[str, float, float, float], y: int, scale: float) -> Iterable[str]:
    peer, low, middle, high = row
    kind = "bar ours" if peer.startswith("this template") else "bar"
    middle_y, text_y = y + BAR / 2, y + BAR - 4
    yield f'<text x="{LABELS - 8}" y="{text_y}" text-anchor="end">{escape(peer)}</text>'
    yield (
        f'<rect class="{kind}" x="{LABELS}" y="{y}" width="{max(1, middle * scale):.1f}" '
        f'height="{BAR}" rx="2"/>'
    )
    yield (
        f'<line class="range" x1="{LABELS + low * scale:.1f}" x2="{LABELS + high * scale:.1f}" '
        f'y1="{middle_y}" y2="{middle_y}"/>'
    )
    yield f'<text x="{LABELS + high * scale + 8:.1f}" y="{text_y}">{middle:,.0f}</text>'
