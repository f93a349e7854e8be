"""Who predicts: models, ensembles, rivals and what sums them up. A name says nothing; its facts are columns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal

from leukolab.base.findings import Finding

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["model", "ensemble", "rival", "summary", "pooled"]
"""`summary`: mean and range over outer parts and folds; `pooled`: one kind of member on all outer parts together."""
Pools = Literal["", "model", "ensemble", "rival", "chosen"]
ALL_PARTS = 0
"""The outer part of what speaks of all outer parts together."""
CHOSEN, BEST_ENSEMBLE = "chosen", "best_ensemble"
"""Methods of pooled members: what each outer part's own rule picked there, of everything and of weighted ensembles."""
EQUAL, SINGLE = "equal", "single"
"""Schemes of the rivals of weighted ensembles: their members' equal mean, and the best single model."""


@dataclass(frozen=True)
class Member:
    """One row of the members table."""

    member: str
    """Its name: unique in a run, and opaque."""
    kind: Kind
    protocol: str
    outer: int = ALL_PARTS
    """Outer part, from 1."""
    fold: int = 0
    """Inner fold, from 1; 0 where it has none of its own."""
    reading: str = ""
    method: str = ""
    """Backbone of a model, what a rival learns from, or what picked a pooled member."""
    learning_rate: float | None = None
    seed: int | None = None
    scenario: str = ""
    """inter_lr, intra_lr or single, of ensembles."""
    scheme: str = ""
    """accuracy, f1, kappa; equal or single for the rivals of weighted ensembles."""
    sources: tuple[str, ...] = ()
    """Members it is made of; of a pooled one by fold, then by outer part."""
    weights: tuple[float, ...] = ()
    """Of the sources of an ensemble; sum to 1."""
    measured: tuple[float, ...] = ()
    """Scores that its weights are made of, one per source; NaN for equal weights."""
    pools: Pools = ""
    """What a pooled member stands for in each outer part."""
    chosen: bool = False
    """Whether this is the model the run offers for use."""

    def called(self, name: str) -> Member:
        """The same member under that name."""
        return replace(self, member=name)

    @property
    def weighted(self) -> bool:
        """Whether it is a Weighted Ensemble of Networks: neither an equal mean nor a single model."""
        return bool(self.scheme) and self.scheme not in (EQUAL, SINGLE)

    @property
    def notes(self) -> tuple[Finding, ...]:
        """What a reader should know of it."""
        nothing = self.weighted and self.kind == "ensemble" and not any(score > 0 for score in self.measured)
        return (Finding("ensemble.no_score_above_zero", "info"),) if nothing else ()

    @property
    def ensemble_key(self) -> str:
        """What an ensemble is in every outer part, such as `inter_lr:0.001:kappa`: for building names alone."""
        stem = [self.scenario] if self.learning_rate is None else [self.scenario, f"{self.learning_rate:g}"]
        if self.scheme == SINGLE:
            return "best_single"
        return ":".join([EQUAL, *stem] if self.scheme == EQUAL else [*stem, self.scheme])


def own_rate(member: Member, members: Iterable[Member]) -> float | None:
    """The learning rate that tells a member from others of its reading; None where its reading ran with one alone."""
    rates = {one.learning_rate for one in members if one.kind == "model" and one.reading == member.reading}
    return member.learning_rate if len(rates) > 1 else None


COLUMNS = tuple(field.name for field in fields(Member))


def members_table(members: Iterable[Member]) -> pd.DataFrame:
    """One row per member, in their order; lists where a member has several of something."""
    import pandas as pd

    some = list(members)
    rows = [{name: list(v) if isinstance(v, tuple) else v for name, v in asdict(one).items()} for one in some]
    seeds = pd.array([one.seed for one in some], dtype="Int64")  # of 63 bits: as floats they would be rounded
    table = pd.DataFrame(rows, columns=list(COLUMNS)).assign(seed=seeds)
    return table.astype({"learning_rate": "float64", "outer": "int64", "fold": "int64"})


def members_of(table: pd.DataFrame) -> dict[str, Member]:
    """The members of a table that `members_table` made, by name."""
    import pandas as pd

    found = {}
    for row in table.to_dict("records"):
        values: dict[str, Any] = {str(name): value for name, value in row.items() if name in COLUMNS}
        values |= {name: tuple(values[name]) for name in ("sources", "weights", "measured")}
        values |= {name: None for name in ("learning_rate", "seed") if pd.isna(values[name])}
        found[str(values["member"])] = Member(**values)
    return found
