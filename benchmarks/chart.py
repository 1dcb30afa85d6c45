"""Cost curves as SVG: seconds over records, both logarithmic, a panel for each table and database."""
from __future__ import annotations

import math
from html import escape
from typing import Any

WIDTH, HEIGHT = 440, 320
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 34, 44
COLOURS = {"floor pull": "#8a8a8a", "floor push": "#bdbdbd", "pull": "#1f6fb4", "push": "#d1602b", "export": "#3a923a",
           "unchanged": "#8c3fa8", "change 10 %": "#b8860b"}
DASHED = ("floor pull", "floor push")


def draw(summaries: list[dict[str, Any]]) -> str:
    """An SVG document."""
    panels = sorted({(s["database"], s["table"]) for s in summaries}, key=lambda p: (p[0] != "sqlite", p[1] != "plain", p[1]))
    columns = max(1, len({table for _, table in panels}))
    rows = math.ceil(len(panels) / columns)
    parts = []
    for number, (database, table) in enumerate(panels):
        own = [s for s in summaries if (s["database"], s["table"]) == (database, table)]
        x, y = number % columns * WIDTH, number // columns * HEIGHT
        parts.append(f'<g transform="translate({x},{y})">{_panel(f"{table}, {database}", own)}</g>')
    legend = "".join(
        f'<g transform="translate({20 + n * 112},{rows * HEIGHT + 18})"><line x2="22" {_stroke(job)}/>'
        f'<text x="28" y="4">{escape(job)}</text></g>' for n, job in enumerate(COLOURS))
    width, height = max(columns * WIDTH, 20 + 112 * len(COLOURS)), rows * HEIGHT + 36
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">'
            f'<rect width="{width}" height="{height}" fill="white"/>{"".join(parts)}{legend}</svg>\n')


def _stroke(job: str) -> str:
    dash = ' stroke-dasharray="5 3"' if job in DASHED else ""
    return f'stroke="{COLOURS[job]}" stroke-width="2" fill="none"{dash}'


def _panel(title: str, own: list[dict[str, Any]]) -> str:
    shown = [s for s in own if s["job"] in COLOURS]
    sizes = sorted({s["records"] for s in shown})
    low, high = math.log10(sizes[0]), math.log10(sizes[-1])
    high = high if high > low else low + 1
    bottom = math.floor(math.log10(min(s["seconds"] for s in shown)))
    top = math.ceil(math.log10(max(s["seconds"] for s in shown)))

    def x(records: float) -> float:
        return LEFT + (math.log10(records) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(seconds: float) -> float:
        return HEIGHT - BOTTOM - (math.log10(seconds) - bottom) / (top - bottom) * (HEIGHT - TOP - BOTTOM)

    parts = [f'<text x="{LEFT}" y="20" font-size="13" font-weight="bold">{escape(title)}</text>',
             f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 10}" text-anchor="end">records</text>',
             f'<text x="14" y="{TOP}" transform="rotate(-90 14 {TOP})" text-anchor="end">seconds</text>']
    for power in range(bottom, top + 1):
        height = y(10.0 ** power)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{height:.1f}" y2="{height:.1f}" stroke="#e3e3e3"/>'
                     f'<text x="{LEFT - 6}" y="{height + 4:.1f}" text-anchor="end">{10.0 ** power:g}</text>')
    for size in sizes:
        parts.append(f'<line x1="{x(size):.1f}" x2="{x(size):.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="#e3e3e3"/>'
                     f'<text x="{x(size):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{size:,}</text>')
    for job in COLOURS:
        points = sorted((s["records"], s["seconds"], s["seconds_min"], s["seconds_max"]) for s in shown if s["job"] == job)
        line = " ".join(f"{x(size):.1f},{y(seconds):.1f}" for size, seconds, _, _ in points)
        parts.append(f'<polyline points="{line}" {_stroke(job)}/>')
        for size, seconds, least, most in points:
            parts.append(f'<circle cx="{x(size):.1f}" cy="{y(seconds):.1f}" r="2.6" fill="{COLOURS[job]}"/>'
                         f'<line x1="{x(size):.1f}" x2="{x(size):.1f}" y1="{y(least):.1f}" y2="{y(most):.1f}" '
                         f'stroke="{COLOURS[job]}"/>')
    return "".join(parts)
