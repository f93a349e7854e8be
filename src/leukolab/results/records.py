"""The JSON files of a run folder as frozen models: what was read, trained with, chosen and answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

from leukolab.base.findings import Finding

if TYPE_CHECKING:
    from leukolab.cards import Classes

EARLIER = "earlier"
"""Who decided which class is the disease where an earlier version ran: the order of the classes."""


class Record(BaseModel):
    """Frozen; keys of a newer program are left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class CardRecord(Record):
    """The data set of a run, and its classes in the order of their labels."""

    name: str = ""
    title: str = ""
    source: str = ""
    doi: str = ""
    licence: str = ""
    synthetic: bool = False
    class_names: tuple[str, ...]
    positive: tuple[str, ...] = ()
    """The classes of the disease."""
    decided_by: str = ""
    """How these were decided, see `cards.Classes`; empty in runs of versions that took class 1 of two."""
    counts: dict[str, int] = {}
    subjects_known: bool = True

    @property
    def classes(self) -> Classes:
        """The classes, and which of them are the disease."""
        from leukolab.cards import Classes, card_names, get_card  # not needed to look at a run's progress

        if self.decided_by:
            return Classes(self.class_names, self.positive, self.decided_by)
        if len(self.class_names) == 2:
            return Classes(self.class_names, self.class_names[1:], EARLIER)
        said = get_card(self.name).positive if self.name in card_names() else ()
        return Classes(self.class_names, tuple(name for name in self.class_names if name in said), EARLIER)


class DataRecord(Record):
    """Which images a run was begun on: a fingerprint of names, labels and pixels, and the key of the packed pixels."""

    fingerprint: str
    pixels: str


class LayerRecord(Record):
    """One layer of the network."""

    name: str
    kind: str
    output_shape: str
    parameters: int


class ArchitectureRecord(Record):
    """The network of a run, and the weights it began with."""

    backbone: str = ""
    rows: tuple[LayerRecord, ...] = ()
    learning: dict[str, dict[str, int]] = {}
    """Reading to stage to parameters that learn."""
    weights: dict[str, Any] = {}
    parameters: int = 0


class MethodsRecord(Record):
    """The methods of a run as it was begun with them, and the keys of their packed pixels by the name of the crop."""

    specs: dict[str, dict[str, Any]] = {}
    stores: dict[str, str] = {}
    weights: dict[str, tuple[str, ...]] = {}
    """Method to the digests of its backbones' weights, in the order of its features."""
    seed: int = 0


class TriedRecord(Record):
    """How one method did on the inner folds: weighted log loss of calibrated probabilities, in nats."""

    name: str
    log_loss: float
    chosen: bool


class ChoiceRecord(Record):
    """What a method chose on inner folds: itself with nothing left to choose, and what was tried."""

    chosen: dict[str, Any]
    tried: tuple[TriedRecord, ...] = ()


class FinalsRecord(Record):
    """Methods fitted on all images, each with the settings that its outer parts chose most often."""

    protocol: str = ""
    keys: dict[str, str] = {}
    """Method to the key of that fit."""


class EnvironmentRecord(Record):
    """Versions, machine and times of a run; what else was noted is in `model_extra`."""

    model_config = ConfigDict(frozen=True, extra="allow")

    leukolab: str = ""
    started: str = ""
    seconds: float = 0.0
    until: str = ""
    command: str = ""

    @property
    def facts(self) -> dict[str, Any]:
        """Everything noted, by name, in the order it was written."""
        values = self.model_dump()
        return {name: value for name, value in values.items() if value not in ("", None)}


class RivalRecord(Record):
    """One simple rival: its name and its facts."""

    member: str
    method: str
    protocol: str
    outer: int


class RivalsRecord(Record):
    """The simple rivals of a run: what the second one sees, and the digest of the file they stand in."""

    shortcut: str
    """`colour`, or `size_and_colour` where cells could be told from their background."""
    key: str
    file: str = ""
    members: tuple[RivalRecord, ...] = ()


class Against(Record):
    """A member minus a rival on the same images, balanced accuracy by subject where subjects are known."""

    rival: str
    difference: float
    low: float | None = None
    high: float | None = None
    """Ends of its interval; none where there is no test."""
    p_holm: float | None = None
    mdd: float | None = None
    """Minimum detectable difference."""
    answer: Literal["better", "worse", "same", "too_few", "no_test"] = "no_test"
    notes: tuple[Finding, ...] = ()


class PooledRecord(Record):
    """All outer parts of the chosen protocol together."""

    member: str
    """The pooled member of what each part chose."""
    parts: tuple[int, ...]
    of: int
    images: int
    groups: int
    claim: bool
    few: Finding | None = None
    """The warning about few test groups."""
    against: tuple[Against, ...] = ()


class ChosenRecord(Record):
    """The model a run offers for use: who chose it, whether that is a claim, and how its rivals fare."""

    member: str
    chosen_on: str
    claim: bool
    against: tuple[Against, ...] = ()
    pooled: PooledRecord | None = None


class AnswersRecord(Record):
    """The first lines of a report, as findings."""

    headline: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()


class SealRecord(Record):
    """Digests of a run's files as it wrote them; empty where the run has no seal."""

    run: dict[str, str] = {}
    """What models and scores depend on, by path below the run folder."""
    predictions: str = ""
    """Of the predictions of models and rivals."""
    outcome: dict[str, str] = {}
    """What scoring wrote."""
