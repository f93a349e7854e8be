"""Every score of a run once more, from its predictions, split and jobs alone, by plain scikit-learn."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from leukolab.report.names import Names
from leukolab.report.texts import load_texts
from leukolab.results.folder import RunFolder

Key = tuple[str, str]
SCHEMES = ("accuracy", "f1", "kappa")


def scores_by_hand(labels: np.ndarray, probs: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    """The fifteen metrics of the tables; every class is among the labels."""
    k = probs.shape[1]
    called = (probs[:, 1] >= 0.5).astype(int) if k == 2 else probs.argmax(axis=1)
    given: dict[str, Any] = {"sample_weight": weights}
    named = {"average": "binary" if k == 2 else "macro", "zero_division": 0.0, **given}
    matrix = sk.confusion_matrix(labels, called, labels=range(k), **given)
    others = [np.delete(np.delete(matrix, c, 0), c, 1).sum() / np.delete(matrix, c, 0).sum() for c in range(k)]
    onehot = np.eye(k)[labels]
    ranked = [1] if k == 2 else list(range(k))
    squares = (probs[:, 1] - labels) ** 2 if k == 2 else ((probs - onehot) ** 2).sum(axis=1)
    recall = sk.recall_score(labels, called, **named)
    return {
        "accuracy": sk.accuracy_score(labels, called, **given),
        "balanced_accuracy": sk.balanced_accuracy_score(labels, called, **given),
        "precision": sk.precision_score(labels, called, **named),
        "recall": recall,
        "sensitivity": recall,
        "specificity": others[1] if k == 2 else float(np.mean(others)),
        "f1": sk.f1_score(labels, called, **named),
        "f1_macro": sk.f1_score(labels, called, average="macro", zero_division=0.0, **given),
        "f1_weighted": sk.f1_score(labels, called, average="weighted", zero_division=0.0, **given),
        "kappa": sk.cohen_kappa_score(labels, called, **given),
        "mcc": sk.matthews_corrcoef(labels, called, **given),
        "log_loss": np.average(-np.log(np.clip((probs * onehot).sum(axis=1), 2.220446e-16, None)), weights=weights),
        "brier": np.average(squares, weights=weights),
        "auc": float(np.mean([sk.roc_auc_score(onehot[:, c], probs[:, c], **given) for c in ranked])),
        "ap": float(np.mean([sk.average_precision_score(onehot[:, c], probs[:, c], **given) for c in ranked])),
    }


class Who(NamedTuple):
    """What tells a member of a run from all others, without its name; of a pooled one, what it is in each part."""

    kind: str
    protocol: str
    outer: int = 0
    scenario: str = ""
    scheme: str = ""
    rate: float | None = None
    which: str = ""
    """Reading of models, method of others."""

    def of_outer(self, outer: int) -> Who:
        return self._replace(kind="ensemble", outer=outer)

    @property
    def rank(self) -> tuple[bool, bool]:
        """Inter-LR, Intra-LR, equal weights: who comes first wins where all is equal."""
        return self.scheme == "equal", self.scenario == "intra_lr"


def names_of(run: Path) -> dict[Who, str]:
    """The names of ensembles, pooled members and summaries, by what they are."""
    table = pd.read_parquet(run / "members.parquet")
    table = table[table["kind"].isin(["ensemble", "pooled", "summary"])]
    found = {}
    for row in table.to_dict("records"):
        facts = [row[name] for name in ("kind", "protocol", "outer", "scenario", "scheme")]
        rate = None if row["scenario"] == "single" or np.isnan(row["learning_rate"]) else row["learning_rate"]
        which = "" if row["scenario"] else row["reading"] or row["method"]
        found[Who(*facts, rate, which)] = row["member"]
    assert len(found) == len(table)
    return found


def kinds_of(run: Path) -> pd.Series:
    return pd.read_parquet(run / "members.parquet").set_index("member")["kind"]


class Tables:
    """Predictions joined with the copies of the split and the identity groups."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.jobs = pd.read_parquet(run / "jobs.parquet").set_index("job")
        self.rivals = {one["member"]: one for one in json.loads((run / "rivals.json").read_text())["members"]}
        predictions = pd.read_parquet(run / "predictions.parquet")
        self.offered = predictions[~predictions["member"].isin([*self.jobs.index, *self.rivals])]
        self.predictions = predictions.drop(index=self.offered.index)
        self.splits = {path.parent.name: pd.read_parquet(path) for path in run.glob("split/*/split.parquet")}
        self.groups = pd.read_parquet(run / "groups.parquet").set_index("image_id")["group"]
        self.columns = sorted(name for name in self.predictions if str(name).startswith("p_"))

    def part(self, member: str, role: str) -> pd.DataFrame:
        """Rows of one member and role with `copies` and `group`, by image_id."""
        if member in self.jobs.index:
            job = self.jobs.loc[member]
            place = (str(job["protocol"]), int(job["outer"]), int(job["fold"]))
        else:
            rival = self.rivals[member]
            place = (rival["protocol"], rival["outer"], 1)
        split = self.splits[place[0]]
        split = split[(split["outer"] == place[1]) & (split["fold"] == place[2]) & (split["role"] == role)]
        mine = self.predictions[(self.predictions["member"] == member) & (self.predictions["role"] == role)]
        joined = mine.merge(split[["image_id", "copies"]], on="image_id", validate="one_to_one")
        assert len(joined) == len(mine) == len(split)
        return joined.assign(group=joined["image_id"].map(self.groups)).sort_values("image_id", ignore_index=True)

    def members(self) -> Iterator[tuple[str, str, pd.DataFrame]]:
        """Models and rivals: member, role, rows."""
        for member, role in self.predictions[["member", "role"]].drop_duplicates().itertuples(index=False):
            yield str(member), str(role), self.part(str(member), str(role))

    def score(self, rows: pd.DataFrame) -> dict[str, float]:
        probs = rows[self.columns].to_numpy(np.float64)
        return scores_by_hand(rows["label"].to_numpy(), probs, rows["copies"].to_numpy(np.float64))

    def expected(self, rows: pd.DataFrame) -> dict[Key, float]:
        """(metric, unit) to value; by subject every group counts the same."""
        probs, labels = rows[self.columns].to_numpy(np.float64), rows["label"].to_numpy()
        copies = rows["copies"].to_numpy(np.float64)
        of_group = rows.groupby("group")["copies"].transform("sum").to_numpy(np.float64)
        units = {"image": copies, "subject": copies / of_group}
        return {
            (metric, unit): value
            for unit, weights in units.items()
            for metric, value in scores_by_hand(labels, probs, weights).items()
        }

    def ensembles(self) -> Iterator[tuple[Who, str, pd.DataFrame, dict[str, float]]]:
        """Ensemble, role, mixed rows, weights by job; made anew by the rules of the study."""
        for (protocol, outer), own in self.jobs.groupby(["protocol", "outer"]):
            weights_on, champion_on = self.rule(str(protocol), int(outer))
            measured = {job: self.score(self.part(job, weights_on)) for job in own.index}
            judged = {job: self.score(self.part(job, champion_on)) for job in own.index}
            by_rate = {rate: list(jobs.index) for rate, jobs in own.groupby("learning_rate", sort=False)}
            champions = [min(jobs, key=lambda job: rank(judged[job])) for jobs in by_rate.values()]
            sets = {("inter_lr", rate): jobs for rate, jobs in by_rate.items()} | {("intra_lr", None): champions}
            here = Who("ensemble", str(protocol), int(outer))
            best = here._replace(scenario="single", scheme="single")
            found = {best: {min(champions, key=lambda job: rank(judged[job])): 1.0}}
            for (scenario, rate), jobs in sets.items():
                mixture = here._replace(scenario=scenario, rate=rate)
                found[mixture._replace(scheme="equal")] = dict.fromkeys(jobs, 1 / len(jobs))
                for scheme in SCHEMES:
                    found[mixture._replace(scheme=scheme)] = wen({job: measured[job][scheme] for job in jobs})
            for who, weights in found.items():
                for role in self.roles(list(weights)):
                    yield who, role, self.mix(weights, role), weights

    def pooled(self) -> Iterator[tuple[Who, list[pd.DataFrame]]]:
        """Pooled member to the test rows of all outer parts, one table a fold; made anew by the rules of the study."""
        mixed = {(who, role): rows for who, role, rows, _ in self.ensembles()} if self.mixes else {}
        for protocol, own in self.jobs.groupby("protocol"):
            if not self.tests_once(str(protocol)):
                continue
            together = Who("pooled", str(protocol))
            for one in dict.fromkeys(who._replace(outer=0) for who, _ in mixed if who.protocol == protocol):
                outers = sorted(own["outer"].unique())
                rows = [mixed[one.of_outer(int(outer)), "test"] for outer in outers]
                yield one._replace(kind="pooled"), [pd.concat(rows)]
            for (reading, rate), jobs in own.groupby(["reading", "learning_rate"]):
                folds = [[self.part(str(job), "test") for job in fold.index] for _, fold in jobs.groupby("fold")]
                yield together._replace(which=reading, rate=rate), [pd.concat(fold) for fold in folds if len(fold) > 1]
            for method in ("features", "colour"):
                rivals = [rival for rival in self.rivals.values() if rival["protocol"] == protocol]
                rows = [self.part(rival["member"], "test") for rival in rivals if rival["method"] == method]
                yield together._replace(which=method), [pd.concat(rows)]
            if self.same_candidates(own):
                chosen = self.picked(str(protocol), mixed, everything=True)
                yield together._replace(which="chosen"), [pd.concat(chosen)]
            if self.mixes:
                best = self.picked(str(protocol), mixed, everything=False)
                yield together._replace(which="best_ensemble"), [pd.concat(best)]

    @staticmethod
    def same_candidates(own: pd.DataFrame) -> bool:
        """Every outer part has the models of the others to pick from."""
        each = [set(zip(part["reading"], part["learning_rate"], strict=True)) for _, part in own.groupby("outer")]
        return all(one == each[0] for one in each)

    def picked(
        self, protocol: str, mixed: dict[tuple[Who, str], pd.DataFrame], everything: bool
    ) -> Iterator[pd.DataFrame]:
        """Test rows of what the rule picks in each outer part: of all but the best single, or of what is weighted."""
        for outer, own in self.jobs[self.jobs["protocol"] == protocol].groupby("outer"):
            _, role = self.rule(protocol, int(outer))
            left_out = ("single",) if everything else ("single", "equal")
            here = [who for who, part in mixed if (who.protocol, who.outer, part) == (protocol, outer, "test")]
            here = sorted((who for who in here if who.scheme not in left_out), key=lambda who: who.rank)
            found = [(mixed[who, role], mixed[who, "test"]) for who in here]
            if everything:
                found = [(self.part(str(job), role), self.part(str(job), "test")) for job in own.index] + found
            yield min(found, key=lambda tables: rank(self.score(tables[0])))[1]

    @property
    def mixes(self) -> bool:
        return json.loads((self.run / "spec.json").read_text())["ensembles"] is not None

    def tests_once(self, protocol: str) -> bool:
        """Several outer parts were run, and every image of the split is tested in one of its parts."""
        split = self.splits[protocol]
        tested = split[split["role"] == "test"].drop_duplicates(["outer", "image_id"])["image_id"]
        several = self.jobs[self.jobs["protocol"] == protocol]["outer"].nunique() > 1
        return several and tested.is_unique and set(tested) == set(split["image_id"])

    def rule(self, protocol: str, outer: int) -> tuple[str, str]:
        """Weights on, champions on: as the protocol says, each member's own fold where tuning groups are few."""
        spec = json.loads((self.run / "spec.json").read_text())["protocols"][protocol]
        head = json.loads((self.run / "split" / protocol / "split.json").read_text())
        few = outer in head["few_tuning_outer"] and spec["weights_on"] == "tuning"
        return "validation" if few else spec["weights_on"], spec["champion_on"]

    def roles(self, jobs: list[str]) -> list[str]:
        there = self.predictions.loc[self.predictions["member"] == jobs[0], "role"].unique()
        return [role for role in ("tuning", "test") if role in there]

    def mix(self, weights: dict[str, float], role: str) -> pd.DataFrame:
        """Rounded as the program rounds: members that all say 0.5 mix to 0.5."""
        parts = {job: self.part(job, role) for job in weights}
        total = sum(weight * parts[job][self.columns].to_numpy(np.float64) for job, weight in weights.items())
        first = next(iter(parts.values()))
        return first.drop(columns=self.columns).join(pd.DataFrame(np.round(total, 12), columns=self.columns))


def rank(scores: dict[str, float]) -> tuple[float, float, float]:
    """Highest kappa, ties by accuracy, then by lower log loss."""
    return -round(scores["kappa"], 12), -round(scores["accuracy"], 12), round(scores["log_loss"], 12)


def wen(scores: dict[str, float]) -> dict[str, float]:
    kept = {job: max(0.0, score) for job, score in scores.items()}
    total = sum(kept.values())
    return {job: score / total if total > 0 else 1 / len(kept) for job, score in kept.items()}


def check(found: pd.DataFrame, expected: dict[Key, float]) -> int:
    assert len(found) == len(expected)
    for row in found.itertuples():
        assert row.value == pytest.approx(expected[str(row.metric), str(row.unit)], rel=1e-9, abs=1e-9), row
    return len(found)


@pytest.mark.parametrize("name", ["wen_run", "subtypes_run", "parts_run"])
def test_every_score_is_a_function_of_predictions_split_and_jobs(name: str, request: pytest.FixtureRequest) -> None:
    run = request.getfixturevalue(name).folder
    tables, scores = Tables(run), pd.read_parquet(run / "scores.parquet")
    names, kinds = names_of(run), kinds_of(run)
    by_part = dict(list(scores.groupby(["member", "role"])))
    checked = 0
    for member, role, rows in tables.members():
        assert kinds[member] == ("rival" if member in tables.rivals else "model")
        checked += check(by_part[member, role], tables.expected(rows))
    for who, role, rows, _ in tables.ensembles() if tables.mixes else ():
        checked += check(by_part[names[who], role], tables.expected(rows))
    for who, folds in tables.pooled():
        if folds:
            each = [tables.expected(rows) for rows in folds]
            mean = {key: float(np.mean([one[key] for one in each])) for key in each[0]}
            checked += check(by_part[names[who], "test"], mean)
    assert checked == (scores["member"].map(kinds) != "summary").sum() > 500


def test_only_parts_that_test_every_image_once_are_pooled(subtypes_run: Any, wen_run: Any, parts_run: Any) -> None:
    members = RunFolder(subtypes_run.folder).member_list()
    pooled = [one for one in members.values() if one.kind == "pooled"]
    assert {one.protocol for one in pooled} == {"corrected"}
    assert {one.method or one.reading: [members[name].outer for name in one.sources] for one in pooled} == {
        "frozen": [1, 2, 3],
        "features": [1, 2, 3],
        "colour": [1, 2, 3],
    }, "one outer part trains the whole network too, so nothing was picked among the same in all"
    assert "pooled" not in set(kinds_of(wen_run.folder))
    members = RunFolder(parts_run.folder).member_list()
    fast = [one for one in members.values() if (one.pools, one.learning_rate) == ("model", 0.01)]
    assert [[(members[name].fold, members[name].outer) for name in one.sources] for one in fast] == [
        [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3)]
    ]


def test_pooled_intervals_are_drawn_over_all_groups(parts_run: Any) -> None:
    scores = pd.read_parquet(parts_run.folder / "scores.parquet")
    groups = pd.read_parquet(parts_run.folder / "groups.parquet")["group"].nunique()
    members = RunFolder(parts_run.folder).member_list()
    kinds, pools = ({name: getattr(one, fact) for name, one in members.items()} for fact in ("kind", "pools"))
    pooled = scores[scores["member"].map(kinds) == "pooled"]
    words = pooled["interval"].map(lambda text: load_texts().findings(text, "; "))
    assert words.str.contains(f"3 outer parts together; Bayesian bootstrap over {groups} identity groups").all()
    means = words[pooled["member"].map(pools) == "model"]
    assert len(means)
    assert means.str.startswith("mean of 2 fold models, ").all()
    assert (pooled["low"] <= pooled["high"]).all()
    single = scores[(scores["member"].map(kinds) == "rival") & (scores["role"] == "test")]
    width = {name: (rows["high"] - rows["low"]).median() for name, rows in (("one", single), ("all", pooled))}
    assert width["all"] < width["one"]


def test_pooled_hypotheses_are_differences_of_pooled_scores(parts_run: Any) -> None:
    table = pd.read_parquet(parts_run.folder / "hypotheses.parquet")
    assert list(dict.fromkeys(table["outer"])) == [0, 1, 2, 3]
    scores = pd.read_parquet(parts_run.folder / "scores.parquet")
    scores = scores[
        (scores["metric"] == "balanced_accuracy") & (scores["unit"] == "subject") & (scores["role"] == "test")
    ]
    by_name, names = scores.set_index("member")["value"], names_of(parts_run.folder)

    def value(**facts: Any) -> float:
        return float(by_name[names[Who("pooled", "corrected", **facts)]])

    inter = {s: [value(scenario="inter_lr", scheme=s, rate=rate) for rate in (0.01, 0.001)] for s in SCHEMES}
    intra = {scheme: value(scenario="intra_lr", scheme=scheme) for scheme in SCHEMES}
    mean = {scheme: float(np.mean(inter[scheme])) for scheme in SCHEMES}
    both = {scheme: (mean[scheme] + intra[scheme]) / 2 for scheme in SCHEMES}
    expected = [value(which="two_stage", rate=0.01) - value(which="two_stage", rate=0.001)]
    expected += [value(which="best_ensemble") - value(scenario="single", scheme="single")]
    expected += [intra[scheme] - mean[scheme] for scheme in SCHEMES]
    expected += [both[a] - both[b] for a, b in (("accuracy", "f1"), ("accuracy", "kappa"), ("f1", "kappa"))]
    assert list(table[table["outer"] == 0]["difference"]) == pytest.approx(expected)


def test_the_first_lines_rest_on_all_parts_together(parts_run: Any) -> None:
    run = RunFolder(parts_run.folder)
    answers, chosen, members = run.answers, run.chosen, run.member_list()
    together = names_of(run.path)[Who("pooled", "corrected", which="chosen")]
    scores = run.scores[(run.scores["member"] == together) & (run.scores["unit"] == "subject")].set_index("metric")
    codes = [one.code.removeprefix("answer.") for one in answers.headline]
    assert codes[:3] == ["first_unseen", "missed", "weigh"]
    assert codes[3].startswith("rival_")
    assert codes[4:6] == ["tested_parts", "offered"]
    first, tests, last = (answers.headline[place] for place in (0, 4, 5))
    assert {name: tests.values[name] for name in ("images", "parts", "count")} == {
        "images": 60,
        "parts": None,
        "count": 3,
    }
    told = {one["values"]["metric"]: one["values"]["value"] for one in first.values["scores"]}
    assert told == {name: scores.loc[name, "value"] for name in ("sensitivity", "specificity", "auc")}
    said = Names.of(run, load_texts()).finding(first)
    assert said.startswith("By subject, on 20 subjects no model had seen: sensitivity for leukaemic (all) ")
    assert (last.values["outer"], last.values["member"]) == (1, chosen.member)
    assert members[chosen.member].outer == 1
    assert chosen.pooled is not None
    assert (chosen.pooled.member, chosen.pooled.parts) == (together, (1, 2, 3))
    rivals = [members[row.rival] for row in chosen.pooled.against]
    assert sorted((one.kind, one.pools, one.method) for one in rivals) == [
        ("pooled", "rival", "colour"),
        ("pooled", "rival", "features"),
    ]


def test_a_warning_about_each_part_gives_way_to_one_about_all_together(parts_run: Any) -> None:
    run = RunFolder(parts_run.folder)
    inner = [one.values["finding"] for one in run.answers.warnings if one.code == "answer.of_protocol"]
    codes = [one["code"] for one in inner]
    assert "split.few_test_groups" not in codes
    (few,) = [one for one in inner if one["code"] == "split.few_test_groups_together"]
    assert (few["values"]["limit"], few["values"]["fewest"]) == (20, 10)
    said = " ".join(Names.of(run, load_texts()).finding(one) for one in run.answers.warnings)
    assert "under 20 test groups in a class, the outer parts together (10)" in said
    assert "under 20 test groups in a class (outer parts" not in said
    of_parts = {one.code: one.values for one in run.split("corrected").head.findings}
    assert of_parts["split.few_test_groups"]["parts"] == [1, 2, 3]


@pytest.mark.parametrize("name", ["wen_run", "subtypes_run"])
def test_summaries_are_means_and_ranges_of_the_models(name: str, request: pytest.FixtureRequest) -> None:
    run = request.getfixturevalue(name).folder
    tables, scores, kinds = Tables(run), pd.read_parquet(run / "scores.parquet"), kinds_of(run)
    sums: dict[str, Who] = {}
    for job in tables.jobs.itertuples():
        rate = job.learning_rate if name == "wen_run" else None
        sums[str(job.Index)] = Who("summary", str(job.protocol), which=str(job.reading), rate=rate)
    for member, rival in tables.rivals.items():
        sums[member] = Who("summary", rival["protocol"], which=rival["method"])
    names = names_of(run)
    assert {who for who in names if who.kind == "summary"} == set(sums.values())
    test = scores[(scores["role"] == "test") & scores["member"].map(kinds).isin(["model", "rival"])]
    summary = scores[scores["member"].map(kinds) == "summary"].set_index(["member", "metric", "unit"])
    groups = test.groupby([test["member"].map(lambda member: names[sums[member]]), "metric", "unit"])["value"]
    assert len(groups) == len(summary)
    for key, values in groups:
        row = summary.loc[key]
        assert (row["value"], row["low"], row["high"]) == pytest.approx((values.mean(), values.min(), values.max()))


def test_the_weights_of_ensembles_are_those_of_the_rule(wen_run: Any) -> None:
    stored = pd.read_parquet(wen_run.folder / "members.parquet").set_index("member")
    names = names_of(wen_run.folder)
    seen = 0
    for who, role, _, weights in Tables(wen_run.folder).ensembles():
        if role == "test":
            seen += 1
            row = stored.loc[names[who]]
            assert dict(zip(row["sources"], row["weights"], strict=True)) == pytest.approx(weights)
    assert seen == (stored["kind"] == "ensemble").sum()


@pytest.mark.parametrize("name", ["wen_run", "subtypes_run", "parts_run"])
def test_the_model_on_offer_stands_among_the_predictions(name: str, request: pytest.FixtureRequest) -> None:
    """Mixed once, with its calls: what its sources say, by its weights."""
    run = request.getfixturevalue(name).folder
    tables, members = Tables(run), pd.read_parquet(run / "members.parquet").set_index("member")
    (member,) = members.index[members["chosen"]]
    assert member == json.loads((run / "chosen.json").read_text())["member"]
    row = members.loc[member]
    mixed_here = row["kind"] == "ensemble"
    assert tables.mixes or not mixed_here
    assert set(tables.offered["member"]) == ({member} if mixed_here else set())
    weights = dict(zip(row["sources"], row["weights"], strict=True)) if mixed_here else {str(member): 1.0}
    stored = pd.read_parquet(run / "predictions.parquet")
    stored = stored[stored["member"] == member]
    for role in tables.roles(list(weights)):
        mixed = tables.mix(weights, role) if mixed_here else tables.part(str(member), role)
        mine = stored[stored["role"] == role].sort_values("image_id", ignore_index=True)
        assert list(mine["image_id"]) == list(mixed["image_id"])
        assert list(mine["label"]) == list(mixed["label"])
        probs = mixed[tables.columns].to_numpy()
        assert (mine[tables.columns].to_numpy() == probs.astype(np.float32)).all()
        called = (probs[:, 1] >= 0.5).astype(int) if probs.shape[1] == 2 else probs.argmax(axis=1)
        assert list(mine["called"]) == list(called)
    if mixed_here:
        assert set(stored["role"]) == {"tuning", "test"}


@pytest.mark.parametrize("name", ["wen_run", "subtypes_run"])
def test_matrices_count_the_calls(name: str, request: pytest.FixtureRequest) -> None:
    run = request.getfixturevalue(name).folder
    tables, stored = Tables(run), pd.read_parquet(run / "confusion.parquet")
    names = json.loads((run / "card.json").read_text())["class_names"]
    for member, role, rows in tables.members():
        if role not in ("tuning", "test"):
            continue
        probs = rows[tables.columns].to_numpy()
        called = (probs[:, 1] >= 0.5).astype(int) if len(names) == 2 else probs.argmax(axis=1)
        expected = sk.confusion_matrix(rows["label"], called, labels=range(len(names)), sample_weight=rows["copies"])
        found = stored[(stored["member"] == member) & (stored["role"] == role)]
        pivot = found.pivot(index="actual", columns="called", values="images").loc[names, names]
        assert (pivot.to_numpy() == expected).all()


def test_intervals_hold_their_values_and_say_how_they_were_made(wen_run: Any) -> None:
    scores = pd.read_parquet(wen_run.folder / "scores.parquet")
    summaries = scores["member"].map(kinds_of(wen_run.folder)) == "summary"
    protocols = {name: one.protocol for name, one in RunFolder(wen_run.folder).member_list().items()}
    test = scores[(scores["role"] == "test") & ~summaries]
    leaky = test["member"].map(protocols) == "published"
    said = test["interval"].map(load_texts().findings)
    assert test.loc[leaky, ["low", "high"]].isna().all(axis=None)
    assert (said[leaky] == "no interval, because subjects stand on two sides of the split").all()
    fair = test[~leaky]
    assert (fair["low"] <= fair["value"]).all()
    assert (fair["value"] <= fair["high"]).all()
    assert said[~leaky].str.contains("identity groups").all()
    plain = scores[scores["role"].isin(["train", "validation"])]
    assert plain[["low", "high"]].isna().all(axis=None)


def test_the_model_on_offer_is_of_the_protocol_to_believe_and_whole(wen_run: Any) -> None:
    run = RunFolder(wen_run.folder)
    member = run.offered()
    assert member.protocol == "corrected"
    sources = member.sources or (member.member,)
    assert sum(member.weights or (1.0,)) == pytest.approx(1)
    keys = run.keys_of(member)
    assert keys == [dict(zip(run.jobs["job"], run.jobs["key"], strict=True))[name] for name in sources]
    assert all((wen_run.folder / "jobs" / key / "model.safetensors").exists() for key in keys)
    assert len(run.scores[(run.scores["member"] == member.member) & (run.scores["role"] == "test")]) == 2 * 15


def test_few_groups_claim_nothing_and_say_so(wen_run: Any) -> None:
    run = RunFolder(wen_run.folder)
    chosen = run.chosen
    assert run.split("corrected").head.few_tuning_outer
    assert chosen.claim is False
    assert chosen.chosen_on == "tuning"
    warnings = [one.values["finding"]["code"] for one in run.answers.warnings if one.code == "answer.of_protocol"]
    assert {"split.few_tuning_groups", "split.few_test_groups"} <= set(warnings)
    assert "answer.no_claim" in [one.code for one in run.answers.warnings]
    text = " ".join(Names.of(run, load_texts()).finding(one) for one in run.answers.warnings)
    assert "Few groups: under 5 tuning groups" in text
    assert "Few groups: under 20 test groups" in text
