"""How the scores of a finished run hold where colour, size, stain, focus or brightness of its test images change.

What each outer part chose and its simple rivals are asked about the part's test images, changed by `images.shifts`.
None of them learns anew: the rivals are fitted on the part's unchanged training images, as the run did. The predictions
of an outer part under one change are kept in the run folder as soon as they are there, whole or not at all.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leukolab.audit.shortcuts import shortcut_features, shortcut_statistics
from leukolab.base.errors import RunError, SpecError
from leukolab.base.files import make_folder, read_table, write_table
from leukolab.base.home import Home
from leukolab.base.keys import content_key, digest
from leukolab.base.progress import duration
from leukolab.base.streams import stream
from leukolab.engine import runtime
from leukolab.engine.bank import Bank
from leukolab.engine.weights import Weights
from leukolab.images import CELL_NAMES, decode, fit, map_files
from leukolab.images.decode import Pixels
from leukolab.images.shifts import AS_THEY_ARE, SHIFTS_VERSION, STRENGTHS, shifted
from leukolab.plan import Event, hold, write_event
from leukolab.results.folder import RunFolder
from leukolab.results.members import CHOSEN, Member
from leukolab.results.predictions import Results, read_results
from leukolab.results.seals import check_model, unseal_outcome
from leukolab.study.finish import finish
from leukolab.study.finished import read_finished
from leukolab.study.fits import Methods
from leukolab.study.predict import Model, here, model_of
from leukolab.study.prepare import Material, packed_again
from leukolab.study.record import plain_bank
from leukolab.study.rivals import METHODS, RIVALS_VERSION, Rival, RivalInputs, fitted_rival
from leukolab.study.session import Session, recorded_network
from leukolab.study.shift_scores import chosen_of_parts, difference, shift_scores

NEWS = logging.getLogger(__name__)

BATCH = 64
PIECES_VERSION = 1
"""Raised by hand when the same inputs would give other predictions."""
FAR = 0.01
"""Difference of a probability from the run's own, on unchanged images, that is warned of."""


@dataclass(frozen=True)
class Piece:
    """The test images of one outer part under one change."""

    member: Member
    """What the outer part chose."""
    image_ids: tuple[str, ...]
    kind: str
    strength: float
    key: str

    def __str__(self) -> str:
        change = "as they are" if self.kind == AS_THEY_ARE else f"{self.kind} {self.strength:g}"
        return f"outer part {self.member.outer}, {change}"


@dataclass(frozen=True)
class Witnesses:
    """What answers for one outer part, and the diameter that cells are brought to: the median of training cells."""

    model: Model
    rivals: dict[str, Rival]
    diameter_px: float


@dataclass(frozen=True)
class Bench:
    """A run with its images, and what its rivals see of them."""

    folder: RunFolder
    results: Results
    material: Material
    home: Home

    @cached_property
    def bank(self) -> Bank:
        """The frozen part whose features a rival learns from."""
        spec = here(self.folder.spec)
        weights = Weights(**self.folder.architecture.weights)
        network = recorded_network(self.folder, spec, len(self.material.class_names), weights)
        none = Methods({}, {}, self.home, spec.seed, spec.runtime)
        return plain_bank(Session(spec, self.folder, self.home, self.material, network, none))

    @cached_property
    def seen(self) -> RivalInputs:
        """What the rivals see of all images as they are."""
        rows = np.arange(len(self.material.index))
        _, shortcuts = shortcut_features(self.material.paths, self.material.store.key, self.home)
        return RivalInputs(self.bank.pooled(rows, np.zeros_like(rows)), shortcuts)

    def witnesses(self, member: Member) -> Witnesses:
        """The model that an outer part chose, and its rivals fitted as the run fitted them."""
        place, seed = (member.protocol, member.outer), self.results.spec.seed
        rivals = {method: fitted_rival(method, self.material, place, self.seen, seed) for method in METHODS}
        return Witnesses(model_of(self.folder, member), rivals, self._diameter(member))

    def _diameter(self, member: Member) -> float:
        if not self.has_size:
            return float("nan")
        table = self.results.splits[member.protocol].table
        names = table.loc[(table["outer"] == member.outer) & (table["role"] == "train"), "image_id"].unique()
        area = self.seen.shortcuts[self.material.store.rows(list(names)), CELL_NAMES.index("area_px")]
        return float(np.median(2 * np.sqrt(area / np.pi)))

    @property
    def has_size(self) -> bool:
        """Whether cells are cut out on black, so that their size is known."""
        return self.results.shortcut == "size_and_colour"


def shift_run(
    run: str | Path,
    data: str | Path,
    home: Home,
    outer_parts: Sequence[int] = (),
    images: int | None = None,
    kinds: Sequence[str] = (),
    language: str = "en",
) -> Path:
    """Score a finished run on changed test images, and write its report anew with the curves.

    Args:
        run: the run folder.
        data: the folder of images that it was run on.
        home: the home folder.
        outer_parts: some of the run's; all where none is given.
        images: so many test images per outer part, of each class alike and spread over its subjects; all where None.
        kinds: some of `images.shifts.STRENGTHS`; all where none is given.
        language: of the report.

    Returns:
        Path of the HTML report.

    Raises:
        RunError: the run is not finished, or changed since.
        DataError: the images are not those of the run.
        SpecError: the run has no such outer part.
    """
    folder = read_finished(Path(run)).folder
    check_model(folder)
    results = read_results(folder)
    chosen = _wanted(chosen_of_parts(results), outer_parts)
    with hold(folder.path):
        bench = Bench(folder, results, packed_again(folder, Path(data), home), home)
        pieces = list(_pieces(bench, chosen, images, kinds))
        _predict(bench, pieces)
        predictions = pd.concat([read_table(folder.changed(piece.key)) for piece in pieces], ignore_index=True)
        _say_difference(results, chosen, predictions)
        table = shift_scores(results, chosen, predictions)
        unseal_outcome(folder)
        folder.write(RunFolder.shifts, table)
        path = finish(folder, bench.material.store, language)
        write_event(folder.path, Event("reported"))
    return path


def spread(labels: NDArray[np.int64], groups: NDArray[Any], count: int, seed: int) -> NDArray[np.int64]:
    """Rows of `count` images, of each class alike and spread over groups; all rows where there are no more.

    Args:
        labels: (n,). groups: names (n,). seed: of the order in which a group's images are taken.

    Returns:
        int64, in rising order.
    """
    drawn = pd.DataFrame({"label": labels, "group": groups}).iloc[stream(seed, "shift").permutation(len(labels))]
    drawn = drawn.assign(turn=drawn.groupby(["label", "group"]).cumcount()).sort_values("turn", kind="stable")
    drawn = drawn.assign(turn=drawn.groupby("label").cumcount()).sort_values("turn", kind="stable")
    return np.sort(drawn.index.to_numpy(np.int64)[:count])


def _wanted(chosen: list[Member], outer_parts: Sequence[int]) -> list[Member]:
    known = {member.outer: member for member in chosen}
    for outer in outer_parts:
        if outer not in known:
            raise SpecError(
                f"outer parts: expected some of {', '.join(map(str, known))}, got {outer}. Leave them out for all.",
                settings=("outer_parts",),
            )
    return [member for outer, member in known.items() if not outer_parts or outer in outer_parts]


def _pieces(bench: Bench, chosen: Sequence[Member], images: int | None, wanted: Sequence[str]) -> Iterator[Piece]:
    """Every outer part under every change that is wanted, unchanged first."""
    kinds = {AS_THEY_ARE: (0.0,)} | {kind: STRENGTHS[kind] for kind in STRENGTHS if not wanted or kind in wanted}
    if "size" in kinds and not bench.has_size:
        kinds.pop("size")
        NEWS.info("size: left out, because these cells are not cut out on black and have no outline")
    for member in chosen:
        names = np.array(bench.results.image_ids(member, "test"))
        labels_n = bench.results.scored(member, "test").labels_n
        rows = spread(labels_n, bench.results.groups_of(member, "test"), images or len(names), bench.results.spec.seed)
        image_ids = tuple(names[rows].tolist())
        for kind, strengths in kinds.items():
            for strength in strengths:
                yield Piece(member, image_ids, kind, strength, _key(bench, member, image_ids, (kind, strength)))


def _key(bench: Bench, member: Member, image_ids: Sequence[str], change: tuple[str, float]) -> str:
    """What the predictions of a piece depend on: models, images, split (of the rivals), and the change."""
    table = bench.results.splits[member.protocol].table
    inputs = {
        "models": digest(bench.folder.keys_of(member)),
        "weights": digest(list(member.weights)),
        "pixels": bench.material.store.key,
        "images": digest(list(image_ids)),
        "labels": digest(bench.material.labels.tolist()),
        "split": digest(table[table["outer"] == member.outer].to_dict("list")),
    }
    versions = {"shifts": SHIFTS_VERSION, "rivals": RIVALS_VERSION, "seed": bench.results.spec.seed}
    return content_key("shift", PIECES_VERSION, inputs, {"kind": change[0], "strength": change[1]} | versions)


def _predict(bench: Bench, pieces: Sequence[Piece]) -> None:
    """Predict what is not there yet, and keep it piece by piece."""
    make_folder(bench.folder.changed("").parent)
    left = [piece for piece in pieces if not _whole(bench.folder, piece)]
    NEWS.info(f"{len(pieces)} changes of outer parts, {len(pieces) - len(left)} of them done before")
    total, done, started = sum(len(piece.image_ids) for piece in left), 0, time.perf_counter()
    with runtime.settled(here(bench.folder.spec).runtime):
        for member, mine in groupby(left, key=lambda piece: piece.member):
            witnesses = bench.witnesses(member)
            for piece in mine:
                write_table(bench.folder.changed(piece.key), _predicted(bench, witnesses, piece))
                done += len(piece.image_ids)
                seconds = (time.perf_counter() - started) * (total - done) / done
                NEWS.info(f"{piece}: {len(piece.image_ids):,} images; {duration(seconds)} left")


def _whole(folder: RunFolder, piece: Piece) -> bool:
    try:
        return len(read_table(folder.changed(piece.key))) == len(piece.image_ids) * (1 + len(METHODS))
    except RunError:
        return False


def _predicted(bench: Bench, witnesses: Witnesses, piece: Piece) -> pd.DataFrame:
    """Predictions of a piece: kind, strength, method, outer, image_id, label, p_0 ... p_{k-1}."""
    image, shortcut = bench.folder.spec.image, bench.results.shortcut

    def seen(path: Path) -> tuple[tuple[Pixels, ...], Pixels, NDArray[np.float64]]:
        changed = shifted(decode(path), piece.kind, piece.strength, witnesses.diameter_px)
        square = fit(changed, image.size_px, image.crop_px)
        return witnesses.model.see(changed), square, shortcut_statistics(shortcut, changed)

    rows = bench.material.store.rows(piece.image_ids)
    paths = [bench.material.paths[row] for row in rows]
    found: dict[str, list[NDArray[Any]]] = {method: [] for method in (CHOSEN, *METHODS)}
    everything = map_files(seen, paths, str(piece))
    while batch := list(islice(everything, BATCH)):
        squares, plain, statistics = zip(*batch, strict=True)
        inputs = RivalInputs(bench.bank.pooled_of(np.stack(plain)), np.stack(statistics))
        found[CHOSEN].append(witnesses.model.ask(tuple(np.stack(one) for one in zip(*squares, strict=True))))
        for method, rival in witnesses.rivals.items():
            found[method].append(rival(inputs))
    tables = []
    for method, parts in found.items():
        probs_nk = np.concatenate(parts)
        names: dict[str, Any] = {"image_id": list(piece.image_ids), "label": bench.material.labels[rows]}
        names |= {"kind": piece.kind, "strength": piece.strength, "method": method, "outer": piece.member.outer}
        numbers = {f"p_{k}": probs_nk[:, k].astype(np.float64) for k in range(probs_nk.shape[1])}
        tables.append(pd.DataFrame(names | numbers))
    return pd.concat(tables, ignore_index=True)


def _say_difference(results: Results, chosen: Sequence[Member], predictions: pd.DataFrame) -> None:
    """How far what is predicted of unchanged images lies from what the run wrote of them."""
    plain = predictions[predictions["kind"] == AS_THEY_ARE]
    for method, rows in plain.groupby("method", sort=False):
        apart = difference(results, chosen, rows)
        say = NEWS.warning if apart > FAR else NEWS.info
        say(f"as they are, {method}: probabilities differ from the run's by {apart:.1e} at the most")
