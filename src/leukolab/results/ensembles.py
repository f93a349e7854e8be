"""Building ensembles from jobs and their predictions, and choosing among them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from leukolab.base.errors import DataError
from leukolab.results.ranking import Predictions, Scored, champions, member_scores, ranked, score_row
from leukolab.results.wen import wen_mix, wen_weights
from leukolab.spec import EnsembleSpec
from leukolab.stats import HypothesisMembers

EQUAL_NOTE = "No member scores above 0, so all weigh the same."


@dataclass(frozen=True)
class Ensemble:
    """A weighted mean of jobs of one outer part."""

    name: str
    """Such as `inter_lr:0.001:kappa`, `intra_lr:f1`, `equal:inter_lr:0.001`, `best_single`; unique in an outer part."""
    outer: int
    scenario: str
    """inter_lr, intra_lr or single."""
    scheme: str
    """accuracy, f1, kappa; equal or single for the rivals."""
    learning_rate: float | None
    """Of inter_lr and single; None for intra_lr."""
    members: tuple[str, ...]
    """Job names."""
    scores: tuple[float, ...]
    """What the weights are made of, one a member; NaN for equal weights."""
    weights: tuple[float, ...]
    note: str = ""
    """A sentence for the report, or nothing."""


def build_ensembles(
    jobs: pd.DataFrame, predictions: Predictions, spec: EnsembleSpec, weights_on: str, champion_on: str
) -> list[Ensemble]:
    """The ensembles of every outer part: each scenario under each scheme, its equal-weight mean, the best single.

    Args:
        jobs: job, learning_rate, fold, outer; one row a job.
        predictions: (role, job) -> `Scored`.
        weights_on: role whose scores become weights; `validation` is each member's own fold.
        champion_on: role whose scores name the champions and the best single model.

    Returns:
        By outer part: Inter-LR by learning rate and scheme, Intra-LR by scheme, equal means, `best_single`.

    Raises:
        DataError: no job, or a job without images of a role.
    """
    if not len(jobs):
        raise DataError("ensembles: expected at least one trained job, found none.")
    made: list[Ensemble] = []
    for _, own in jobs.groupby("outer", sort=True):
        weighed = member_scores(own, predictions, weights_on)
        judged = weighed if champion_on == weights_on else member_scores(own, predictions, champion_on)
        made += _of_outer(weighed, judged, spec)
    return made


def mixed(ensemble: Ensemble, predictions: Predictions, role: str) -> Scored:
    """Predictions of an ensemble for a role all its members share (tuning or test).

    Raises:
        DataError: the members were not asked about the same images.
    """
    parts = [predictions(role, job) for job in ensemble.members]
    first = parts[0]
    for job, part in zip(ensemble.members, parts, strict=True):
        if not np.array_equal(part.labels_n, first.labels_n) or not np.array_equal(part.weights_n, first.weights_n):
            raise DataError(f"{ensemble.name}: expected members on the same {role} images, found others for {job}.")
    probs_nk = wen_mix(np.stack([part.probs_nk for part in parts]), np.asarray(ensemble.weights))
    return Scored(first.labels_n, probs_nk, first.weights_n)


def winner(ensembles: Iterable[Ensemble], predictions: Predictions, role: str) -> Ensemble:
    """The best of some ensembles on `role`, by the champions' rule; the earlier where all is equal.

    On `validation`, which members do not share, an ensemble counts as its members do on average, each on its own fold.

    Raises:
        DataError: none is given, or a role other than `validation` is not shared by their members.
    """
    some = list(ensembles)
    if not some:
        raise DataError("ensembles: expected at least one to choose from, found none.")
    rows = pd.DataFrame([_score(one, predictions, role) for one in some])
    return some[int(ranked(rows.assign(number=range(len(some))))["number"].iloc[0])]


def _score(ensemble: Ensemble, predictions: Predictions, role: str) -> dict[str, float]:
    if role != "validation":
        return score_row(mixed(ensemble, predictions, role))
    members = pd.DataFrame([score_row(predictions(role, job)) for job in ensemble.members])
    return {str(name): float(value) for name, value in members.mean().items()}


def ensembles_table(ensembles: Iterable[Ensemble]) -> pd.DataFrame:
    """One row an ensemble and member: ensemble, outer, scenario, scheme, learning_rate, job, score, weight, note."""
    rows = []
    for one in ensembles:
        rate = np.nan if one.learning_rate is None else one.learning_rate
        head = {"ensemble": one.name, "outer": one.outer, "scenario": one.scenario, "scheme": one.scheme}
        for job, score, weight in zip(one.members, one.scores, one.weights, strict=True):
            rows.append({**head, "learning_rate": rate, "job": job, "score": score, "weight": weight, "note": one.note})
    columns = ["ensemble", "outer", "scenario", "scheme", "learning_rate", "job", "score", "weight", "note"]
    return pd.DataFrame(rows, columns=columns)


def hypothesis_members(jobs: pd.DataFrame, ensembles: Iterable[Ensemble], best_ensemble: str) -> HypothesisMembers:
    """What H1 to H4 compare in one outer part.

    Args:
        jobs: job, learning_rate, of that outer part.
        ensembles: from `build_ensembles`, of that outer part, `best_single` among them.
        best_ensemble: name of the one that won (`winner`) on the part that chooses.
    """
    some = [one for one in ensembles if one.scheme != "equal"]
    schemes = dict.fromkeys(one.scheme for one in some if one.scenario != "single")
    inter = {s: tuple(one.name for one in some if (one.scenario, one.scheme) == ("inter_lr", s)) for s in schemes}
    return HypothesisMembers(
        by_rate={float(str(r)): tuple(own["job"]) for r, own in jobs.groupby("learning_rate", sort=False)},
        inter={scheme: names for scheme, names in inter.items() if names},
        intra={one.scheme: one.name for one in some if one.scenario == "intra_lr"},
        best_ensemble=best_ensemble,
        best_single=next(one.name for one in some if one.scenario == "single"),
    )


def _of_outer(weighed: pd.DataFrame, judged: pd.DataFrame, spec: EnsembleSpec) -> list[Ensemble]:
    """Every ensemble of one outer part, from scores that weigh and scores that judge."""
    best = champions(judged)
    sets: list[tuple[str, float | None, pd.DataFrame]] = []
    if "inter_lr" in spec.scenarios:
        rates = weighed.groupby("learning_rate", sort=False)
        sets += [("inter_lr", float(own["learning_rate"].iloc[0]), own) for _, own in rates]
    if "intra_lr" in spec.scenarios:
        sets.append(("intra_lr", None, weighed.set_index("job").loc[list(best["job"])].reset_index()))
    made = [_weighted(scenario, rate, own, scheme) for scenario, rate, own in sets for scheme in spec.schemes]
    made += [_equal(scenario, rate, own) for scenario, rate, own in sets]
    return [*made, _single(ranked(best).iloc[0])]


def _weighted(scenario: str, rate: float | None, members: pd.DataFrame, scheme: str) -> Ensemble:
    scores_m = members[scheme].to_numpy(dtype=np.float64)
    weights_m = wen_weights(scores_m)
    return Ensemble(
        name=":".join([*_stem(scenario, rate), scheme]),
        outer=int(members["outer"].iloc[0]),
        scenario=scenario,
        scheme=scheme,
        learning_rate=rate,
        members=tuple(members["job"]),
        scores=tuple(scores_m.tolist()),
        weights=tuple(weights_m.tolist()),
        note="" if (scores_m > 0).any() else EQUAL_NOTE,
    )


def _equal(scenario: str, rate: float | None, members: pd.DataFrame) -> Ensemble:
    count = len(members)
    like = _weighted(scenario, rate, members, "accuracy")
    name = ":".join(["equal", *_stem(scenario, rate)])
    nothing = (float("nan"),) * count
    return replace(like, name=name, scheme="equal", scores=nothing, weights=(1 / count,) * count, note="")


def _single(row: pd.Series) -> Ensemble:
    rate, score = float(row["learning_rate"]), float(row["kappa"])
    return Ensemble("best_single", int(row["outer"]), "single", "single", rate, (str(row["job"]),), (score,), (1.0,))


def _stem(scenario: str, rate: float | None) -> list[str]:
    return [scenario] if rate is None else [scenario, f"{rate:g}"]
