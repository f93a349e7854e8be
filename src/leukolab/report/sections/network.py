"""Section of the network: a drawing with what each reading trains, and the table of its layers."""

from __future__ import annotations

from leukolab.report.figures.network import Layer, Training, network
from leukolab.report.items import Drawing, Section
from leukolab.report.sections.common import Scene, kept
from leukolab.report.tables import common as tables


def model_section(scene: Scene) -> Section:
    """The network, drawn and layer by layer."""
    return Section("model", kept(_drawing(scene), tables.architecture_sheet(scene.run, scene.names, scene.texts)))


def _drawing(scene: Scene) -> Drawing | None:
    """The stages as boxes, and which of them each reading trains (Gambar 4); none for an unknown network."""
    run, texts = scene.run, scene.texts
    rows = run.architecture.rows
    if not rows:
        return None
    said = [texts("network.parameters", count=row.parameters) if row.parameters else "" for row in rows]
    layers = [Layer(row.name, row.kind, row.output_shape, text) for row, text in zip(rows, said, strict=True)]
    words = texts("network.trained"), texts("network.frozen")
    trainings = _trainings(scene)
    return Drawing(
        "network",
        lambda: network(layers, trainings, words, narrow=False),
        narrow=lambda: network(layers, trainings, words, narrow=True),
        values={"backbone": run.spec.model.backbone},
    )


def _trainings(scene: Scene) -> list[Training]:
    """Every stage of every reading."""
    run, names, texts = scene.run, scene.names, scene.texts
    found = []
    for reading in (name for name in run.spec.readings if name in run.architecture.learning):
        stages = run.architecture.learning[reading]
        released = {stage.name: stage.release for stage in run.spec.readings[reading].stages}
        for stage, count in stages.items():
            label = texts("network.training", reading=names.method(reading), stage=stage, count=count)
            found.append(Training(label, learns([row.parameters for row in run.architecture.rows], released[stage])))
    return found


def learns(parameters: list[int], release: str | int) -> tuple[bool, ...]:
    """Of each layer whether it learns.

    Args:
        parameters: of each layer, from the input to the head; those between hold the stages of the backbone.
        release: `head`, `last_stage`, `all`, or the last n stages of the backbone, beside the head.
    """
    last = len(parameters) - 1
    stages = [place for place in range(last) if parameters[place]]
    count = {"head": 0, "last_stage": 1, "all": len(stages)}[release] if isinstance(release, str) else release
    free = {last, *stages[len(stages) - min(count, len(stages)) :]}
    return tuple(place in free for place in range(len(parameters)))
