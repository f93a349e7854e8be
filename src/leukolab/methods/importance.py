"""What handcrafted numbers are worth to a learned method: what log loss is added where they are shuffled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from leukolab.base.streams import stream
from leukolab.images.handcrafted import Feature, features
from leukolab.methods.fit import Features, Floats, Ints, sample_weights
from leukolab.methods.learn import SMALLEST, Images, Learned
from leukolab.spec import AnyFeatures, HandcraftedFeatures

MOST = 128
"""Images that are asked, at the most: so a fit with every handcrafted number takes seconds."""
FEATURE, FAMILY = "feature", "family"
"""Kinds of rows: one number shuffled, or all of a family together, in one order."""
COLUMNS = ("kind", "family", "name", "unit", "increase", "images")

Places = Sequence[tuple[AnyFeatures, int]]
"""Columns of kinds of features."""


def importance(learned: Learned, test: Images, seed: int) -> pd.DataFrame:
    """How much log loss, in nats, is added where numbers are shuffled; each group of a class weighs alike.

    Numbers that a method sees several times, such as with and without colour, are shuffled together.

    Args:
        learned: the method. test: images that it has not seen. seed: of the order in which they are shuffled.

    Returns:
        One row per family and per number; no rows where the method sees none. Columns are `COLUMNS`.
    """
    asked, rows = _Asked(learned, test, seed), []
    numbers = _numbers(learned)
    for family in dict.fromkeys(one.family for one in numbers):
        places = [place for one, mine in numbers.items() if one.family == family for place in mine]
        rows.append((FAMILY, family, family, "", asked.increase(places)))
    rows += [(FEATURE, one.family, one.name, one.unit, asked.increase(places)) for one, places in numbers.items()]
    return pd.DataFrame(rows, columns=list(COLUMNS[:-1])).assign(images=len(asked.rows))


def _numbers(learned: Learned) -> dict[Feature, list[tuple[AnyFeatures, int]]]:
    """Each handcrafted number to the columns where the method sees it."""
    found: dict[Feature, list[tuple[AnyFeatures, int]]] = {}
    for one in dict.fromkeys(one for part in learned.parts for one in part.spec.features):
        if isinstance(one, HandcraftedFeatures):
            for column, number in enumerate(features(one.handcrafted)):
                found.setdefault(number, []).append((one, column))
    return found


@dataclass(frozen=True)
class _Asked:
    """A method and the images that it is asked about."""

    learned: Learned
    test: Images
    seed: int

    def increase(self, places: Places) -> float:
        """Log loss with these columns shuffled, less that with none."""
        changed: dict[AnyFeatures, Features] = {}
        for one, column in places:
            values = changed.setdefault(one, self.sources[one].copy())
            values[:, column] = values[self.order, column]
        return self._loss(changed) - self.before

    @cached_property
    def rows(self) -> Ints:
        """At most `MOST` images, spread over groups: the first of each in a drawn order, then the second, ..."""
        drawn = stream(self.seed, "importance", "images").permutation(len(self.test.labels))
        turn = pd.Series(self.test.groups[drawn].astype(str)).groupby(self.test.groups[drawn].astype(str)).cumcount()
        return np.sort(drawn[np.argsort(turn.to_numpy(), kind="stable")][:MOST])

    @cached_property
    def order(self) -> Ints:
        """In which they are shuffled."""
        return stream(self.seed, "importance", "order").permutation(len(self.rows))

    @cached_property
    def sources(self) -> dict[AnyFeatures, Features]:
        """What is seen of them."""
        return {one: self.test.sources[one][self.rows] for part in self.learned.parts for one in part.spec.features}

    @cached_property
    def known(self) -> list[Floats]:
        """What each part says of them as they are."""
        return [part.log_probabilities(self.sources) for part in self.learned.parts]

    @cached_property
    def weights(self) -> Floats:
        """Each group of a class alike, then each class."""
        spec = self.learned.parts[0].spec.model_copy(update={"weigh": "group"})
        return sample_weights(spec, self.labels, self.test.groups[self.rows], np.ones_like(self.rows))

    @property
    def labels(self) -> Ints:
        """Of these images."""
        return self.test.labels[self.rows]

    @cached_property
    def before(self) -> float:
        """Log loss with nothing shuffled."""
        return self._loss({})

    def _loss(self, changed: dict[AnyFeatures, Features]) -> float:
        seen = self.sources | changed
        logs = [
            part.log_probabilities(seen) if changed.keys() & {*part.spec.features} else known
            for part, known in zip(self.learned.parts, self.known, strict=True)
        ]
        said = self.learned.scale(np.mean(logs, axis=0))[np.arange(len(self.rows)), self.labels]
        return float(-(self.weights * np.log(np.maximum(said, SMALLEST))).sum() / self.weights.sum())
