"""Every score of a run once more, from its predictions, split and jobs alone, by plain scikit-learn."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from leukolab.report.texts import load_texts

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


class Tables:
    """Predictions joined with the copies of the split and the identity groups."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.jobs = pd.read_parquet(run / "jobs.parquet").set_index("job")
        self.predictions = pd.read_parquet(run / "predictions.parquet")
        self.splits = {path.parent.name: pd.read_parquet(path) for path in run.glob("split/*/split.parquet")}
        self.groups = pd.read_parquet(run / "groups.parquet").set_index("image_id")["group"]
        self.columns = sorted(name for name in self.predictions if str(name).startswith("p_"))

    def part(self, member: str, role: str) -> pd.DataFrame:
        """Rows of one member and role with `copies` and `group`, by image_id."""
        if member in self.jobs.index:
            job = self.jobs.loc[member]
            place = (str(job["protocol"]), int(job["outer"]), int(job["fold"]))
        else:
            _, _, protocol, outer = member.split(":")
            place = (protocol, int(outer.removeprefix("outer")), 1)
        split = self.splits[place[0]]
        split = split[(split["outer"] == place[1]) & (split["fold"] == place[2]) & (split["role"] == role)]
        mine = self.predictions[(self.predictions["job"] == member) & (self.predictions["role"] == role)]
        joined = mine.merge(split[["image_id", "copies"]], on="image_id", validate="one_to_one")
        assert len(joined) == len(mine) == len(split)
        return joined.assign(group=joined["image_id"].map(self.groups)).sort_values("image_id", ignore_index=True)

    def members(self) -> Iterator[tuple[str, str, pd.DataFrame]]:
        """Models and rivals: member, role, rows."""
        for member, role in self.predictions[["job", "role"]].drop_duplicates().itertuples(index=False):
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

    def ensembles(self) -> Iterator[tuple[str, str, pd.DataFrame, dict[str, float]]]:
        """Ensemble, role, mixed rows, weights by job; made anew by the rules of the study."""
        for (protocol, outer), own in self.jobs.groupby(["protocol", "outer"]):
            weights_on, champion_on = self.rule(str(protocol), int(outer))
            measured = {job: self.score(self.part(job, weights_on)) for job in own.index}
            judged = {job: self.score(self.part(job, champion_on)) for job in own.index}
            by_rate = {rate: list(jobs.index) for rate, jobs in own.groupby("learning_rate", sort=False)}
            champions = [min(jobs, key=lambda job: rank(judged[job])) for jobs in by_rate.values()]
            sets = {f"inter_lr:{rate:g}": jobs for rate, jobs in by_rate.items()} | {"intra_lr": champions}
            named = {"best_single": {min(champions, key=lambda job: rank(judged[job])): 1.0}}
            for stem, jobs in sets.items():
                named[f"equal:{stem}"] = dict.fromkeys(jobs, 1 / len(jobs))
                for scheme in SCHEMES:
                    named[f"{stem}:{scheme}"] = wen({job: measured[job][scheme] for job in jobs})
            for name, weights in named.items():
                for role in self.roles(list(weights)):
                    mixed = self.mix(weights, role)
                    yield f"{protocol}/outer{outer}/{name}", role, mixed, weights

    def pooled(self) -> Iterator[tuple[str, list[pd.DataFrame]]]:
        """Pooled member to the test rows of all outer parts, one table a fold; made anew by the rules of the study."""
        mixed = {(name, role): rows for name, role, rows, _ in self.ensembles()} if self.mixes else {}
        for protocol, own in self.jobs.groupby("protocol"):
            if not self.tests_once(str(protocol)):
                continue
            names = dict.fromkeys(name.split("/", 2)[2] for name, _ in mixed if name.startswith(f"{protocol}/"))
            for stem in names:
                outers = sorted(own["outer"].unique())
                rows = [mixed[f"{protocol}/outer{outer}/{stem}", "test"] for outer in outers]
                yield f"{protocol}/pooled/{stem}", [pd.concat(rows)]
            several = own["learning_rate"].nunique() > 1
            for (reading, rate), jobs in own.groupby(["reading", "learning_rate"]):
                folds = [[self.part(str(job), "test") for job in fold.index] for _, fold in jobs.groupby("fold")]
                name = f"{protocol}/pooled/{reading}" + (f"/lr{rate:g}" if several else "")
                yield name, [pd.concat(fold) for fold in folds if len(fold) > 1]
            for rival in ("features", "colour"):
                rows = [self.part(f"rival:{rival}:{protocol}:outer{n}", "test") for n in sorted(own["outer"].unique())]
                yield f"rival:{rival}:{protocol}:pooled", [pd.concat(rows)]
            if self.mixes:
                yield f"{protocol}/pooled/chosen", [pd.concat(self.picked(str(protocol), mixed, everything=True))]
                best = self.picked(str(protocol), mixed, everything=False)
                yield f"{protocol}/pooled/best_ensemble", [pd.concat(best)]

    def picked(
        self, protocol: str, mixed: dict[tuple[str, str], pd.DataFrame], everything: bool
    ) -> Iterator[pd.DataFrame]:
        """Test rows of what tuning picks in each outer part: of everything but best_single, or of what is weighted."""
        for outer, own in self.jobs[self.jobs["protocol"] == protocol].groupby("outer"):
            start = f"{protocol}/outer{outer}/"
            names = [name for name, role in mixed if name.startswith(start) and role == "test"]
            plain = ("best_single",) if everything else ("best_single", "equal:")
            names = [name for name in names if not name.removeprefix(start).startswith(plain)]
            found = {name: (mixed[name, "tuning"], mixed[name, "test"]) for name in sorted(names, key=order_of)}
            if everything:
                found = {str(job): (self.part(job, "tuning"), self.part(job, "test")) for job in own.index} | found
            yield found[min(found, key=lambda name: rank(self.score(found[name][0])))][1]

    @property
    def mixes(self) -> bool:
        return (self.run / "ensembles.parquet").exists()

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
        there = self.predictions.loc[self.predictions["job"] == jobs[0], "role"].unique()
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


def order_of(name: str) -> tuple[bool, bool, bool]:
    """Inter-LR, Intra-LR, equal weights: who comes first wins where all is equal."""
    stem = name.split("/", 2)[2]
    return stem == "best_single", stem.startswith("equal:"), stem.startswith("intra_lr")


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
    by_part = dict(list(scores.groupby(["member", "role"])))
    checked = 0
    for member, role, rows in tables.members():
        assert set(by_part[member, role]["kind"]) == {"rival" if member.startswith("rival:") else "model"}
        checked += check(by_part[member, role], tables.expected(rows))
    for member, role, rows, _ in tables.ensembles() if tables.mixes else ():
        assert set(by_part[member, role]["kind"]) == {"ensemble"}
        checked += check(by_part[member, role], tables.expected(rows))
    for member, folds in tables.pooled():
        if folds:
            found = by_part[member, "test"]
            assert (set(found["kind"]), set(found["outer"])) == ({"pooled"}, {0})
            each = [tables.expected(rows) for rows in folds]
            checked += check(found, {key: float(np.mean([one[key] for one in each])) for key in each[0]})
    assert checked == (scores["kind"] != "summary").sum() > 500


def test_only_parts_that_test_every_image_once_are_pooled(subtypes_run: Any, wen_run: Any, parts_run: Any) -> None:
    pooled = pd.read_parquet(subtypes_run.folder / "pooled.parquet")
    assert set(pooled["protocol"]) == {"corrected"}
    assert pooled.groupby("member")["outer"].agg(list).to_dict() == {
        "corrected/pooled/frozen": [1, 2, 3],
        "rival:features:corrected:pooled": [1, 2, 3],
        "rival:colour:corrected:pooled": [1, 2, 3],
    }
    assert not (wen_run.folder / "pooled.parquet").exists()
    rows = pd.read_parquet(parts_run.folder / "pooled.parquet")
    assert rows.groupby("member").size().to_dict()["corrected/pooled/two_stage/lr0.01"] == 3 * 2


def test_pooled_intervals_are_drawn_over_all_groups(parts_run: Any) -> None:
    scores = pd.read_parquet(parts_run.folder / "scores.parquet")
    groups = pd.read_parquet(parts_run.folder / "groups.parquet")["group"].nunique()
    pooled = scores[scores["kind"] == "pooled"]
    words = pooled["interval"].map(lambda text: load_texts().findings(text, "; "))
    assert words.str.contains(f"3 outer parts together; bootstrap over {groups} identity groups").all()
    means = words[pooled["member"].str.contains("/lr")]
    assert means.str.startswith("mean of 2 fold models, ").all()
    assert (pooled["low"] <= pooled["high"]).all()
    single = scores[(scores["kind"] == "rival") & (scores["role"] == "test")]
    width = {name: (rows["high"] - rows["low"]).median() for name, rows in (("one", single), ("all", pooled))}
    assert width["all"] < width["one"]


def test_pooled_hypotheses_are_differences_of_pooled_scores(parts_run: Any) -> None:
    table = pd.read_parquet(parts_run.folder / "hypotheses.parquet")
    assert list(dict.fromkeys(table["outer"])) == [0, 1, 2, 3]
    scores = pd.read_parquet(parts_run.folder / "scores.parquet")
    scores = scores[(scores["metric"] == "balanced_accuracy") & (scores["unit"] == "image") & (scores["outer"] == 0)]
    value = scores[scores["kind"] == "pooled"].set_index("member")["value"]
    value.index = value.index.str.removeprefix("corrected/pooled/")
    mean = {scheme: value[[f"inter_lr:{rate}:{scheme}" for rate in ("0.01", "0.001")]].mean() for scheme in SCHEMES}
    both = {scheme: (mean[scheme] + value[f"intra_lr:{scheme}"]) / 2 for scheme in SCHEMES}
    expected = [value["two_stage/lr0.01"] - value["two_stage/lr0.001"], value["best_ensemble"] - value["best_single"]]
    expected += [value[f"intra_lr:{scheme}"] - mean[scheme] for scheme in SCHEMES]
    expected += [both[a] - both[b] for a, b in (("accuracy", "f1"), ("accuracy", "kappa"), ("f1", "kappa"))]
    assert list(table[table["outer"] == 0]["difference"]) == pytest.approx(expected)


def test_the_first_lines_rest_on_all_parts_together(parts_run: Any) -> None:
    answers = json.loads((parts_run.folder / "answers.json").read_text())
    chosen = json.loads((parts_run.folder / "chosen.json").read_text())
    scores = pd.read_parquet(parts_run.folder / "scores.parquet")
    mine = scores[(scores["member"] == "corrected/pooled/chosen") & (scores["unit"] == "image")]
    value = mine.set_index("metric")["value"]["balanced_accuracy"]
    assert "On 60 cells of 20 persons (all 3 outer parts together), each tested once" in answers["headline"][0]
    assert f"a balanced accuracy of {value:.3f}" in answers["headline"][0]
    assert "Offered for use is the model chosen in outer part 1" in answers["headline"][2]
    assert (chosen["outer"], chosen["pooled"]["parts"]) == (1, [1, 2, 3])
    assert [row["rival"].split(":")[3] for row in chosen["pooled"]["against"]] == ["pooled", "pooled"]
    said = " ".join(answers["warnings"])
    assert "under 20 test groups in a class, all outer parts together (10)" in said
    assert "under 20 test groups in a class (outer parts" not in said
    settled = {finding["code"]: finding["values"] for finding in answers["settled"]}
    assert settled["split.few_test_groups"]["parts"] == [1, 2, 3]


@pytest.mark.parametrize("name", ["wen_run", "subtypes_run"])
def test_summaries_are_means_and_ranges_of_the_models(name: str, request: pytest.FixtureRequest) -> None:
    run = request.getfixturevalue(name).folder
    jobs, scores = pd.read_parquet(run / "jobs.parquet"), pd.read_parquet(run / "scores.parquet")
    names = {}
    for job in jobs.itertuples():
        rate = f"/lr{job.learning_rate:g}" if name == "wen_run" else ""
        names[job.job] = f"{job.protocol}/{job.reading}{rate}"
    test = scores[(scores["role"] == "test") & scores["kind"].isin(["model", "rival"])]
    of = test["member"].map(names).fillna(test["member"].str.rsplit(":", n=1).str[0])
    summary = scores[scores["kind"] == "summary"].set_index(["member", "protocol", "metric", "unit"])
    groups = test.groupby([of, "protocol", "metric", "unit"])["value"]
    assert len(groups) == len(summary)
    for key, values in groups:
        row = summary.loc[key]
        assert (row["value"], row["low"], row["high"]) == pytest.approx((values.mean(), values.min(), values.max()))


def test_the_weights_of_ensembles_are_those_of_the_rule(wen_run: Any) -> None:
    stored = pd.read_parquet(wen_run.folder / "ensembles.parquet")
    stored = stored.set_index(["ensemble", "job"])["weight"]
    seen = 0
    for name, role, _, weights in Tables(wen_run.folder).ensembles():
        if role == "test":
            seen += len(weights)
            assert stored.loc[name].to_dict() == pytest.approx(weights)
    assert seen == len(stored)


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
    test = scores[(scores["role"] == "test") & (scores["kind"] != "summary")]
    assert test["low"].notna().all()
    assert (test["low"] <= test["high"]).all()
    assert test["interval"].map(load_texts().findings).str.contains("identity groups").all()
    plain = scores[scores["role"].isin(["train", "validation"])]
    assert plain[["low", "high"]].isna().all(axis=None)


def test_the_card_of_the_chosen_model_repeats_its_scores(wen_run: Any) -> None:
    chosen = json.loads((wen_run.folder / "chosen.json").read_text())
    scores = pd.read_parquet(wen_run.folder / "scores.parquet")
    mine = scores[(scores["member"] == chosen["member"]) & (scores["role"] == "test")]
    expected = {(row.metric, row.unit): row.value for row in mine.itertuples()}
    assert {(row["metric"], row["unit"]): row["value"] for row in chosen["test"]} == expected
    assert sum(chosen["weights"]) == pytest.approx(1)
    assert chosen["protocol"] == "corrected"
    assert all((wen_run.folder / "jobs" / key / "model.safetensors").exists() for key in chosen["keys"])


def test_few_groups_claim_nothing_and_say_so(wen_run: Any) -> None:
    chosen = json.loads((wen_run.folder / "chosen.json").read_text())
    answers = json.loads((wen_run.folder / "answers.json").read_text())
    head = json.loads((wen_run.folder / "split" / "corrected" / "split.json").read_text())
    assert head["few_tuning_outer"]
    assert chosen["claim"] is False
    assert chosen["chosen_on"] == "tuning"
    text = " ".join(answers["warnings"])
    assert "Few groups: under 5 tuning groups" in text
    assert "Few groups: under 20 test groups" in text
