"""Draws costs against sizes as an SVG with logarithmic axes, for light and dark pages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["Chart", "svg"]

WIDTH: Final = 440
HEIGHT: Final = 330
LEFT: Final = 62
TOP: Final = 34
INNER: Final = (WIDTH - LEFT - 18, HEIGHT - TOP - 52)
STYLE: Final = """\
    text { fill: #59636e; font-size: 12px }
    .title { fill: #1f2328; font-size: 14px; font-weight: 600 }
    .grid { stroke: #d1d9e0 }
    .line { fill: none; stroke-width: 2 }
    .s0 { stroke: #8c959f; fill: #8c959f } .s1 { stroke: #bc4c00; fill: #bc4c00 }
    .s2 { stroke: #0969da; fill: #0969da } .s3 { stroke: #1a7f37; fill: #1a7f37 }
    .line.s0, .line.s1, .line.s2, .line.s3 { fill: none }
    @media (prefers-color-scheme: dark) {
      text { fill: #b1bac4 } .title { fill: #f0f6fc } .grid { stroke: #30363d }
      .s1 { stroke: #f0883e; fill: #f0883e } .s2 { stroke: #58a6ff; fill: #58a6ff }
      .s3 { stroke: #3fb950; fill: #3fb950 }
    }
"""


@dataclass(frozen=True, slots=True)
class Chart:
    """Seconds of several ways by size.

    Args:
        label: what the sizes count.
        series: points of size and seconds, by the name of the way.
    """

    label: str
    series: dict[str, list[tuple[int, float]]]


def svg(charts: Sequence[Chart]) -> str:
    """Return the drawing of charts side by side, with one legend."""
    names = list(dict.fromkeys(name for chart in charts for name in chart.series))
    parts = [_chart(chart, number * WIDTH, names) for number, chart in enumerate(charts)]
    legend = []
    for number, name in enumerate(names):
        x = LEFT + number % 4 * 210
        legend.append(f'  <circle class="s{number}" cx="{x}" cy="{HEIGHT + 8}" r="5"/>')
        legend.append(f'  <text x="{x + 12}" y="{HEIGHT + 12}">{name}</text>')
    width = WIDTH * len(charts)
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT + 24}" role="img" '
        'aria-labelledby="title" font-family="system-ui, -apple-system, Helvetica, Arial, sans-serif">'
    )
    return "\n".join(
        [
            opening,
            '  <title id="title">CPU time of a check by size, on logarithmic axes</title>',
            f"  <style>\n{STYLE}  </style>",
            *parts,
            *legend,
            "</svg>\n",
        ]
    )


def _chart(chart: Chart, shift: int, names: Sequence[str]) -> str:
    points = [point for series in chart.series.values() for point in series]
    across = _decades([size for size, _ in points])
    up = _decades([seconds for _, seconds in points])

    def x(size: float) -> float:
        return round(LEFT + INNER[0] * _share(size, across), 1)

    def y(seconds: float) -> float:
        return round(TOP + INNER[1] * (1 - _share(seconds, up)), 1)

    lines = [
        f'  <g transform="translate({shift} 0)">',
        f'    <text class="title" x="{LEFT}" y="20">{chart.label}</text>',
    ]
    for power in range(across[0], across[1] + 1):
        at = x(10.0**power)
        lines.append(f'    <path class="grid" d="M{at} {TOP}V{TOP + INNER[1]}"/>')
        lines.append(
            f'    <text x="{at}" y="{TOP + INNER[1] + 18}" text-anchor="middle">{10**power:,}</text>'
        )
    for power in range(up[0], up[1] + 1):
        at = y(10.0**power)
        lines.append(f'    <path class="grid" d="M{LEFT} {at}H{LEFT + INNER[0]}"/>')
        lines.append(f'    <text x="{LEFT - 8}" y="{at + 4}" text-anchor="end">{_duration(power)}</text>')
    for name, series in chart.series.items():
        style = f"s{names.index(name)}"
        path = "L".join(f"{x(size)} {y(seconds)}" for size, seconds in series)
        lines.append(f'    <path class="line {style}" d="M{path}"/>')
        lines += [
            f'    <circle class="{style}" cx="{x(size)}" cy="{y(seconds)}" r="3"/>'
            for size, seconds in series
        ]
    return "\n".join([*lines, "  </g>"])


def _decades(values: Sequence[float]) -> tuple[int, int]:
    """Return the powers of ten around all values."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def _share(value: float, decades: tuple[int, int]) -> float:
    return (math.log10(value) - decades[0]) / (decades[1] - decades[0])


def _duration(power: int) -> str:
    return f"{10**power:,} s" if power >= 0 else f"{10 ** (power + 3)} ms" if power >= -3 else f"1e{power} s"
