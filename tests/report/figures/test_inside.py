"""No text of a figure leaves it or lies on another, however long its titles and classes are."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from leukolab.report.figures.confusion import ConfusionWords, confusions
from leukolab.report.figures.data import balance
from leukolab.report.figures.learning import Curve, CurveLabels, learning

CLASSES = ["benign (Benign)", "early pre-B ALL (Early)", "pre-B ALL (Pre)", "pro-B ALL (Pro)"]
TITLES = [f"{name}, {protocol}" for protocol in ("as published", "corrected") for name in
          ("Frozen", "Fine-tuned", "Whole network, shortened to 4 epochs")]  # fmt: skip
WORDS = ConfusionWords("Actual class", "Called", "right", "wrong", "{:.0%}".format, {})


def confusion(across: int) -> Figure:
    matrix = pd.DataFrame(np.full((4, 4), 70), index=CLASSES, columns=CLASSES)
    return confusions(dict.fromkeys(TITLES, matrix), WORDS, across)


def curves(across: int) -> Figure:
    history = pd.DataFrame({"step": [1, 2], "loss": [1.0, 0.5], "val_loss": [1.0, 0.6], "stage": ["head"] * 2})
    labels = CurveLabels("Training", "Validation", "Epoch", "Loss", "next stage", "other splits")
    return learning({title: [Curve(history, True)] for title in TITLES}, "loss", labels, across)


def before_and_after(panels: int) -> Figure:
    counts = pd.DataFrame({"before": [504, 985, 963, 804], "after": [700] * 4}, index=CLASSES)
    return balance(dict.fromkeys(TITLES[:panels], counts), "before", "after", "Images")


@pytest.mark.parametrize(
    ("draw", "across"), [(confusion, 3), (confusion, 2), (curves, 3), (curves, 2), (before_and_after, 2)]
)
def test_long_names_stay_inside_and_apart(draw, across) -> None:
    figure = draw(across)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    boxes = {
        text: text.get_window_extent(canvas.get_renderer())
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip() and any(character.isalpha() for character in text.get_text())
    }
    shown = [text for text in boxes if text.axes is None or text.axes.get_visible()]
    for text in shown:
        box = boxes[text]
        assert -1 <= box.x0 < box.x1 <= figure.bbox.x1 + 1, text.get_text()
        assert -1 <= box.y0 < box.y1 <= figure.bbox.y1 + 1, text.get_text()
    for one, other in itertools.combinations(shown, 2):
        wide = min(boxes[one].x1, boxes[other].x1) - max(boxes[one].x0, boxes[other].x0)
        tall = min(boxes[one].y1, boxes[other].y1) - max(boxes[one].y0, boxes[other].y0)
        assert wide < 2 or tall < 2, (one.get_text(), other.get_text())
