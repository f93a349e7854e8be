"""Finished runs by the real writers, with drawn predictions where a run trains models; no torch.

The index, groups and splits are those of `study.prepare`; every file is written by `RunFolder`, the outcome by
`results.outcome`. `tests/study/test_small_runs.py` holds their columns to those of a run that was trained.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leukolab import __version__
from leukolab.base.home import Home
from leukolab.base.streams import stream, stream_seed
from leukolab.images import PixelStore
from leukolab.results.calls import with_calls
from leukolab.results.folder import RunFolder
from leukolab.results.outcome import write_outcome
from leukolab.results.records import (
    ArchitectureRecord,
    CardRecord,
    DataRecord,
    EnvironmentRecord,
    FinalsRecord,
    MethodsRecord,
    RivalRecord,
    RivalsRecord,
)
from leukolab.results.seals import seal_outcome, seal_run
from leukolab.spec import StudySpec, load_study
from leukolab.splits import ROLES, index_fingerprint
from leukolab.study.prepare import Material, composition, prepare
from leukolab.study.thumbnails import Thumbnails

COMMON = ("image.size_px=48", "training.batch_size=16", "protocol=both", "bootstrap=100")
MIXING = (
    *COMMON,
    "training.learning_rates=[0.01, 0.001]",
    "protocols.corrected.split={kind: nested, by: group, outer: 3, tuning: 0.2, folds: 2}",
    "protocols.published.split={kind: holdout_kfold, by: image, test: 0.2, folds: 2}",
    "readings.two_stage.stages.0.epochs=3",
    "readings.two_stage.stages.1.epochs=2",
)
READING = (
    *COMMON,
    "published={card: phantom, parts: [{role: train, loss: 0.14, accuracy: 0.9625}, "
    "{role: test, loss: 0.11, accuracy: 0.975}]}",
    "protocols.corrected.split={kind: kfold, by: group, outer: 3, validation: 0.25}",
    "protocols.corrected.balance.per_class=14",
    "protocols.published.balance.per_class=22",
    "readings.frozen.stages.0.epochs=12",
    "readings.finetune.outer_parts={published: [1], corrected: [2]}",
)
SKILL = {"model": 1.3, "features": 1.2, "colour": 0.9}
"""How much the right class is preferred."""


def mixing_spec(*settings: str) -> StudySpec:
    """The `demo` study at the smallest size that has everything."""
    return load_study("demo", [*MIXING, *settings])


def reading_spec(*settings: str) -> StudySpec:
    """The `demo_subtypes` study at that size, as if its paper had used these data."""
    return load_study("demo_subtypes", [*READING, *settings])


@dataclass(frozen=True)
class SmallRun:
    """A finished run and where its pictures are."""

    folder: RunFolder
    pixels: PixelStore

    @property
    def picture(self) -> Callable[[str], NDArray[np.uint8]]:
        """The picture of an image."""
        return Thumbnails.open(self.folder, self.pixels).get


def write_run(folder: Path, spec: StudySpec, data: Path, home: Home) -> SmallRun:
    """Write a whole run but for trunk and models, with its outcome."""
    material, run = prepare(spec, data, home), RunFolder(folder)
    run.write_settings(spec)
    run.record(RunFolder.data, DataRecord(fingerprint=index_fingerprint(material.index), pixels=material.store.key))
    run.record(RunFolder.card, card_record(material))
    for table, rows in ((RunFolder.index, material.index), (RunFolder.groups, material.groups)):
        run.write(table, rows)
    for name, split in material.splits.items():
        run.write_split(name, split)
    run.write(RunFolder.composition, composition(material))
    jobs = pd.DataFrame(list(job_rows(spec, material)))
    run.write(RunFolder.jobs, jobs)
    run.write(RunFolder.history, pd.concat([history(spec, job) for job in jobs.to_dict("records")], ignore_index=True))
    run.record(RunFolder.architecture, architecture(spec, material))
    run.record(RunFolder.methods, MethodsRecord(seed=spec.seed))
    run.record(RunFolder.finals, FinalsRecord())
    run.record(RunFolder.environment, environment())
    members = rival_members(jobs)
    rivals = pd.concat([rival_predictions(rival, material) for rival in members], ignore_index=True)
    run.write(RunFolder.rivals, rivals)
    run.record(RunFolder.rivals_record, RivalsRecord(shortcut="size_and_colour", key="rivals", members=members))
    models = [model_predictions(job, material) for job in jobs.to_dict("records")]
    run.write(RunFolder.predictions, pd.concat([*models, rivals], ignore_index=True))
    write_outcome(run)
    return SmallRun(resealed(run), material.store)


def resealed(run: RunFolder) -> RunFolder:
    """The run with a seal on its files as they are now."""
    seal_run(run)
    seal_outcome(run)
    return run


def card_record(material: Material) -> CardRecord:
    """The data set of a run."""
    names = ("name", "title", "source", "doi", "licence", "synthetic")
    counts = {str(name): int(count) for name, count in material.index["class_name"].value_counts().items()}
    return CardRecord(
        **{name: getattr(material.card, name) for name in names},
        class_names=material.class_names,
        positive=material.classes.positive,
        decided_by=material.classes.decided_by,
        counts=counts,
        subjects_known=bool(material.index["subject"].notna().all()),
    )


def job_rows(spec: StudySpec, material: Material) -> Iterator[dict[str, Any]]:
    """One row per model, in the order in which a study lists them."""
    for protocol, split in material.splits.items():
        for name, reading in spec.readings.items():
            for outer in reading.outer_parts.get(protocol, spec.outer_parts or split.outers):
                if outer not in split.outers:
                    continue
                for rate in reading.learning_rates or spec.training.learning_rates:
                    for fold in split.folds(outer):
                        job = f"{protocol}/{name}/outer{outer}/lr{rate:g}/fold{fold}"
                        yield {
                            "job": job,
                            "protocol": protocol,
                            "reading": name,
                            "outer": outer,
                            "learning_rate": rate,
                            "fold": fold,
                            "seed": stream_seed(spec.seed, job),
                            "key": f"train-{job}",
                            "first_key": f"first-{job}",
                            "method": spec.model.backbone,
                        }


def history(spec: StudySpec, job: dict[str, Any]) -> pd.DataFrame:
    """Epochs of every stage, each a little better than the last."""
    rng, rows = stream(spec.seed, "history", job["job"]), []
    for stage in spec.readings[job["reading"]].stages:
        for epoch in range(1, stage.epochs + 1):
            gain, noise = 1 - np.exp(-len(rows) / 4), float(rng.normal(0, 0.02))
            rows.append(
                {"stage": stage.name, "epoch": epoch, "loss": 1.3 - gain, "accuracy": 0.5 + 0.4 * gain}
                | {"val_loss": 1.35 - gain + noise, "val_accuracy": 0.5 + 0.35 * gain - noise, "seconds": 0.1}
            )
    return pd.DataFrame(rows).assign(job=job["job"])


def rival_members(jobs: pd.DataFrame) -> tuple[RivalRecord, ...]:
    """Both rivals of every outer part, the last part first, as a study trains them."""
    places = sorted({(str(row["protocol"]), int(row["outer"])) for row in jobs.to_dict("records")}, reverse=True)
    return tuple(
        RivalRecord(member=f"rival:{method}:{protocol}:outer{outer}", method=method, protocol=protocol, outer=outer)
        for protocol, outer in places
        for method in ("features", "colour")
    )


def rival_predictions(rival: RivalRecord, material: Material) -> pd.DataFrame:
    """Predictions of a rival; of `validation` only where there is one fold."""
    split = material.splits[rival.protocol]
    roles = [role for role in ROLES[1:] if role != "validation" or len(split.folds(rival.outer)) == 1]
    return _predictions(rival.member, material, rival.protocol, rival.outer, 1, roles, SKILL[rival.method])


def model_predictions(job: dict[str, Any], material: Material) -> pd.DataFrame:
    """Predictions of a model, of every role."""
    where = str(job["protocol"]), int(job["outer"]), int(job["fold"])
    return _predictions(str(job["job"]), material, *where, list(ROLES), SKILL["model"])


def erring_in_turn(job: dict[str, Any], material: Material) -> pd.DataFrame:
    """Predictions of a model that is sure of most images and just wrong on those that are its turn."""
    where = str(job["protocol"]), int(job["outer"]), int(job["fold"])
    table = _predictions(str(job["job"]), material, *where, list(ROLES), SKILL["model"])
    place = table.groupby(["role", "label"]).cumcount()
    own_n = np.where(place % 2 == job["fold"] % 2, 0.45, 0.9).astype(np.float32)
    p_1 = np.where(table["label"] == 1, own_n, 1 - own_n)
    rows = table[["member", "image_id", "role", "label"]].assign(p_0=1 - p_1, p_1=p_1)
    return with_calls(rows)


def _predictions(
    member: str, material: Material, protocol: str, outer: int, fold: int, roles: list[str], skill: float
) -> pd.DataFrame:
    rng, labels = stream(1, "predictions", member), material.index.set_index("image_id")["label"]
    tables = []
    for role in roles:
        names = material.splits[protocol].part(outer, fold, role)["image_id"]
        if names.empty:
            continue
        label_n = labels[names].to_numpy()
        logits = rng.normal(0, 1, (len(names), len(material.class_names)))
        logits[np.arange(len(names)), label_n] += skill
        probs_nk = (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)).astype(np.float32)
        rows = {"member": member, "image_id": names.to_numpy(), "role": role, "label": label_n}
        tables.append(with_calls(pd.DataFrame(rows | {f"p_{k}": probs_nk[:, k] for k in range(probs_nk.shape[1])})))
    return pd.concat(tables, ignore_index=True)


def architecture(spec: StudySpec, material: Material) -> ArchitectureRecord:
    """A network of three layers."""
    rows = [
        {"name": "input", "kind": "RGB", "output_shape": "48 x 48 x 3", "parameters": 0},
        {"name": "stage 0", "kind": "conv_stem – blocks.0", "output_shape": "24 x 24 x 16", "parameters": 1400},
        {"name": "head", "kind": "dense, softmax", "output_shape": str(len(material.class_names)), "parameters": 34},
    ]
    learning = {name: {stage.name: 34 for stage in reading.stages} for name, reading in spec.readings.items()}
    weights = {"source": "none", "digest": "0" * 64, "mean": [0.5] * 3, "deviation": [0.5] * 3}
    weights |= {"origin": "drawn", "licence": ""}
    return ArchitectureRecord.model_validate(
        {"backbone": spec.model.backbone, "rows": rows, "learning": learning, "weights": weights, "parameters": 1434}
    )


def environment() -> EnvironmentRecord:
    """A machine."""
    return EnvironmentRecord(
        leukolab=__version__,
        started="2026-01-01T10:00:00+00:00",
        seconds=12.5,
        until="2026-01-01T10:00:12.500000+00:00",
        command=f"leukolab study run RUN_FOLDER/{RunFolder.STUDY} --data FOLDER",
        **dict.fromkeys(("python", "torch", "torchvision", "timm"), "1.2.3"),
        system="Linux x86_64",
        gpu="–",
        cores="2",
    )


def with_settings(run: RunFolder, changes: dict[str, object]) -> RunFolder:
    """The run with other settings."""
    raw = _merged(run.spec.model_dump(mode="json"), changes)
    run.write_settings(StudySpec.model_validate(raw))
    return resealed(RunFolder(run.path))


def _merged(raw: Any, changes: Any) -> Any:
    if isinstance(raw, dict) and isinstance(changes, dict):
        return raw | {name: _merged(raw.get(name), value) for name, value in changes.items()}
    return changes
