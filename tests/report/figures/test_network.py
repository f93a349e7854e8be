"""The drawing of a network, looked at as the text of its SVG; and which layers learn."""

from __future__ import annotations

import pytest

from leukolab.report.figures.canvas import svg_of
from leukolab.report.figures.network import Layer, Training, network
from leukolab.report.sections.network import learns
from pages import Reported, figure_texts

PARAMETERS = [0, 10, 20, 30, 0, 0, 5]
"""Input, three stages of a backbone, pooling, dropout, head."""
LAYERS = [Layer(f"layer {n}", f"kind {n}", f"{n} x {n}", f"{n} numbers" if n else "") for n in range(3)]
TRAININGS = [Training("first: 2", (False, False, True)), Training("second: 3", (False, True, True))]


@pytest.mark.parametrize(
    ("release", "learning"), [("head", [6]), ("last_stage", [3, 6]), (2, [2, 3, 6]), (0, [6]), ("all", [1, 2, 3, 6])]
)
def test_the_layers_that_learn(release: str | int, learning: list[int]) -> None:
    assert [place for place, does in enumerate(learns(PARAMETERS, release)) if does] == learning


@pytest.mark.parametrize("narrow", [False, True])
def test_every_layer_and_every_training_is_drawn(narrow: bool) -> None:
    found = list(figure_texts(svg_of(network(LAYERS, TRAININGS, ("trained", "frozen"), narrow))))
    for layer in LAYERS:
        assert {layer.name, layer.shape} <= set(found)
        assert (layer.kind in found) is not narrow
    assert {"trained", "frozen", "1", "2", "1 first: 2", "2 second: 3"} <= set(found)
    assert "2 numbers" in found


def test_the_report_draws_the_network_of_the_run(each: Reported) -> None:
    drawn = each.page.part("figure-network")
    rows = each.run.architecture.rows
    assert rows
    assert all(f">{row.name}<" in drawn and f">{row.output_shape}<" in drawn for row in rows)
    assert all(f"stage {stage.name}:" in drawn for one in each.run.spec.readings.values() for stage in one.stages)
