"""The first lines of a report: what was asked, what came out, and what to know before believing it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from leukolab.base.findings import Finding, finding_from
from leukolab.report.names import rate_text
from leukolab.report.texts import Texts
from leukolab.results.predictions import Results, rival_name
from leukolab.results.scores import summary_names
from leukolab.spec import load_study, study_names
from leukolab.splits import FEW_TEST_GROUPS


@dataclass(frozen=True)
class Facts:
    """What the sentences are made of."""

    results: Results
    scores: pd.DataFrame
    chosen: dict[str, Any]
    texts: Texts

    @property
    def pooled(self) -> dict[str, Any]:
        """What is known of all outer parts together; empty where they were not pooled."""
        return dict(self.chosen.get("pooled", {}))

    @property
    def kind_of_test(self) -> str:
        """Who the test images of the chosen model come from: new `subjects`, unknown ones (`images`), or `leaky`."""
        head = self.results.splits[self.chosen["protocol"]].head
        if head.leakage == "none" and self.chosen["chosen_on"] != "test":
            return "subjects"
        return "leaky" if self.results.subjects_known else "images"

    def score(self, member: str, metric: str, unit: str) -> dict[str, str]:
        """Value and interval of a test score, as three decimals; empty where there is none."""
        mine = self.scores[(self.scores["member"] == member) & (self.scores["role"] == "test")]
        mine = mine[(mine["metric"] == metric) & (mine["unit"] == unit)]
        if mine.empty:
            return {}
        row = mine.iloc[0]
        return {name: f"{row[name]:.3f}" for name in ("value", "low", "high")}


def answers(results: Results, scores: pd.DataFrame, chosen: dict[str, Any], texts: Texts) -> dict[str, Any]:
    """Sentences for the head of the report: `headline` and `warnings`; and what the shortcut probe saw.

    `settled` are the findings of splits that need not be said again: the warnings hold them, or they speak of single
    outer parts where all of them are scored together.
    """
    facts = Facts(results, scores, chosen, texts)
    lines = _subtypes(facts) if results.spec.report == "subtypes" else _wen(facts)
    found = {"headline": list(lines), "warnings": list(_warnings(facts)), "shortcut": results.shortcut_kind}
    heads = [split.head for split in results.splits.values()]
    return found | {"settled": [finding.as_json() for head in heads for finding in head.findings]}


def _subtypes(facts: Facts) -> Iterator[str]:
    say = facts.texts
    yield from _paper(facts)
    jobs = facts.results.jobs.assign(summary=list(summary_names(facts.results.jobs)))
    for reading in facts.results.spec.readings:
        for protocol in facts.results.splits:
            mine = jobs[(jobs["reading"] == reading) & (jobs["protocol"] == protocol)]
            for summary, own in mine.groupby("summary", sort=False):
                name = say.name("methods", reading)
                if mine["summary"].nunique() > 1:
                    name = say("answers.at_rate", reading=name, rate=rate_text(own["learning_rate"].iloc[0]))
                colour, splits = _colour_of(facts, protocol, reading)
                score = facts.score(str(own["job"].iloc[0] if len(own) == 1 else summary), "accuracy", "image")
                key = f"answers.once_{protocol}" if len(own) == 1 else f"answers.reading_{protocol}"
                yield say(key, reading=name, colour=colour, splits=splits, **score)


def _colour_of(facts: Facts, protocol: str, reading: str) -> tuple[str, int]:
    """Mean accuracy of colour alone on the very splits of a reading, and how many these are."""
    jobs = facts.results.jobs
    mine = jobs[(jobs["protocol"] == protocol) & (jobs["reading"] == reading)]["outer"].unique()
    members = [rival_name("colour", protocol, int(outer)) for outer in mine]
    rows = facts.scores[facts.scores["member"].isin(members) & (facts.scores["role"] == "test")]
    rows = rows[(rows["metric"] == "accuracy") & (rows["unit"] == "image")]
    return f"{rows['value'].mean():.3f}", len(members)


def _paper(facts: Facts) -> Iterator[str]:
    """The paper's figure beside what colour alone reaches on its kind of split."""
    say = facts.texts
    colour = facts.score("rival:colour:published", "accuracy", "image")
    paper = facts.results.spec.published_here
    if colour and paper:
        key = "answers.paper_below" if float(colour["value"]) >= paper.test_accuracy else "answers.paper_above"
        yield say(key, paper=f"{paper.test_accuracy:.3f}", colour=colour["value"])


def _wen(facts: Facts) -> Iterator[str]:
    """The pooled result where there is one, then the model offered for use."""
    if facts.pooled:
        yield from _together(facts)
        yield _offered(facts)
    else:
        yield from _one_part(facts)


def _together(facts: Facts) -> Iterator[str]:
    """What each outer part chose, on all test images of all outer parts."""
    say, pooled = facts.texts, facts.pooled
    part = say.name("roles", facts.chosen["chosen_on"]).lower()
    values = {"part": part, "images": f"{pooled['images']:,}", "groups": pooled["groups"]}
    values |= {"auc": facts.score(pooled["member"], "auc", "image")["value"], "parts": _parts(facts)}
    values |= facts.score(pooled["member"], "balanced_accuracy", "image")
    person = facts.score(pooled["member"], "balanced_accuracy", "subject").get("value", "")
    yield say(f"answers.together_{facts.kind_of_test}", person=person, **values)
    yield _rivals(facts, pooled["against"])


def _parts(facts: Facts) -> str:
    """`all 5 outer parts`, or which of how many."""
    parts, count = facts.pooled["parts"], facts.pooled["of"]
    if len(parts) == count:
        return facts.texts("answers.all_parts", count=count)
    return facts.texts("answers.some_parts", parts=", ".join(map(str, parts)), count=count)


def _offered(facts: Facts) -> str:
    """The model offered for use, on its own test part."""
    chosen = facts.chosen
    table = facts.results.tables[chosen["jobs"][0], "test"]
    return facts.texts(
        "answers.offered",
        outer=chosen["outer"],
        member=chosen["name"],
        images=f"{len(table):,}",
        **facts.score(chosen["member"], "balanced_accuracy", "image"),
    )


def _one_part(facts: Facts) -> Iterator[str]:
    say, chosen = facts.texts, facts.chosen
    table = facts.results.tables[chosen["jobs"][0], "test"]
    counts = {"groups": table["image_id"].map(facts.results.groups).nunique(), "images": f"{len(table):,}"}
    part = say.name("roles", chosen["chosen_on"]).lower()
    auc = facts.score(chosen["member"], "auc", "image")["value"]
    balanced = facts.score(chosen["member"], "balanced_accuracy", "image")
    person = facts.score(chosen["member"], "balanced_accuracy", "subject").get("value", "")
    values = {"member": chosen["name"], "auc": auc, "part": part, "person": person, **counts, **balanced}
    yield say(f"answers.chosen_{facts.kind_of_test}", **values)
    yield _rivals(facts, chosen["against"])


def _rivals(facts: Facts, against: list[dict[str, Any]]) -> str:
    """The chosen model against its simple rivals, the strongest of which comes first."""
    say = facts.texts
    worse = [row for row in against if row["high"] < 0]
    same = [row for row in against if row["low"] <= 0 <= row["high"]]
    row = [*worse, *same, *against][0]
    verdict = "worse" if worse else "better" if not same else "same" if row is against[0] else "partly"
    rival = say("answers.features") if "features" in row["rival"] else facts.results.shortcut_kind
    numbers = {name: f"{row[name]:+.3f}" for name in ("difference", "low", "high")}
    value = facts.score(row["rival"], "balanced_accuracy", "image")["value"]
    return say(f"answers.rival_{verdict}", rival=rival, value=value, **numbers)


def _findings(facts: Facts, protocol: str) -> list[Finding]:
    """Findings of a split; where the answer rests on all outer parts, few test groups are those of all of them."""
    found = list(facts.results.splits[protocol].head.findings)
    kept = [finding for finding in found if finding.code != FEW_TEST_GROUPS]
    if not facts.pooled or protocol != facts.chosen["protocol"] or len(kept) == len(found):
        return found
    return kept + ([finding_from(facts.pooled["few"])] if facts.pooled["few"] else [])


def _warnings(facts: Facts) -> Iterator[str]:
    say, results = facts.texts, facts.results
    for protocol in results.splits:
        for finding in _findings(facts, protocol):
            yield say("answers.note", protocol=say.name("protocols", protocol), note=say.finding(finding))
    if not (facts.chosen["claim"] and facts.pooled.get("claim", True)):
        yield say("answers.no_claim", part=say.name("roles", facts.chosen["chosen_on"]).lower())
    shipped = results.spec.name in study_names() and load_study(results.spec.name)
    if shipped and shipped.model.backbone.partition(".")[0] != results.spec.model.backbone.partition(".")[0]:
        yield say("answers.stand_in", used=results.spec.model.backbone, meant=shipped.model.backbone)
    if shipped and shipped.data.card != results.spec.data.card:
        yield say("answers.other_data", used=results.spec.data.card, meant=shipped.data.card)
