"""The outcomes as bars: one line each, with its figure in words beside the bar. The same figures stand in the table."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

WIDTH, LINE, LEFT, RIGHT = 430, 30, 164, 96
INK, BAR, BASE = "#212b32", "#005eb8", "#4c6272"


def drawn(rows: Sequence[tuple[str, int | None, str]], title: str) -> Markup:
    """`rows`: (label, length or None where the figure is too small to show, the figure in words). Empty without rows."""
    if not rows:
        return Markup("")
    longest = max((number or 0 for _, number, _ in rows), default=0) or 1
    height = LINE * len(rows) + 8
    parts = []
    for place, (label, number, words) in enumerate(rows):
        middle = LINE * place + LINE / 2 + 4
        width = (WIDTH - LEFT - RIGHT) * (number or 0) / longest
        parts.append(f'<text x="{LEFT - 10}" y="{middle + 5:.1f}" text-anchor="end" font-size="15" fill="{INK}">{escape(label)}</text>')
        if number:
            parts.append(f'<rect x="{LEFT}" y="{middle - 9:.1f}" width="{width:.1f}" height="18" fill="{BAR}"/>')
        parts.append(f'<text x="{LEFT + width + 8:.1f}" y="{middle + 5:.1f}" font-size="15" fill="{INK}">{escape(words)}</text>')
    parts.append(f'<line x1="{LEFT}" x2="{LEFT}" y1="4" y2="{height - 4}" stroke="{BASE}"/>')
    return Markup(  # noqa: S704  figures and escaped words only
        f'<svg class="sw-outcomes__chart" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'
    )
