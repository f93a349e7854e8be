"""The colours of figures: safe for the colour-blind, each with a CSS variable that the page gives two shades.

The hues are those of Okabe and Ito (2008), a little darker so that thin lines keep their contrast on white.
"""

from __future__ import annotations

INK = "#1d2733"
MUTED = "#5d6977"
GRID = "#dde2e8"
PAPER = "#fdfdfe"

BLUE = "#0b6aa8"
ORANGE = "#c9540a"
GREEN = "#0a8a68"
PURPLE = "#a4558a"
AMBER = "#b98207"
SKY = "#3f97c9"

SERIES = (BLUE, ORANGE, GREEN, PURPLE, AMBER, SKY)
"""Order in which classes and lines take their colours."""

MARKERS = ("o", "s", "D", "^", "v", "P")
"""Shapes beside the colours, so that no figure needs colour to be read."""

VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--grid",
    PAPER: "--card",
    BLUE: "--blue",
    ORANGE: "--orange",
    GREEN: "--green",
    PURPLE: "--purple",
    AMBER: "--amber",
    SKY: "--sky",
}
"""Colour to the CSS variable that stands for it in the page."""


def series(number: int) -> str:
    """The colour of line or class `number`, counted from 0; past the sixth they come round again."""
    return SERIES[number % len(SERIES)]
