"""The first lines about the model a run offers: scores by subject where these are known, missed images, weights."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from leukolab.base.findings import Finding
from leukolab.results.facts import NEW_SUBJECTS, Facts, answer
from leukolab.results.members import Member
from leukolab.results.predictions import Results
from leukolab.stats import calls


def first_lines(facts: Facts, member: Member) -> Iterator[Finding]:
    """Scores of a member on its test images, those it missed, and how much single subjects weigh."""
    kind = facts.kind_of_test
    groups = len({group for part in facts.parts(member) for group in facts.results.groups_of(part, "test")})
    found = [finding.as_json() for finding in _scores(facts, member)]
    yield answer(f"first_{kind}", scores=found, groups=groups)
    yield _wrong(facts, member)
    if kind in NEW_SUBJECTS:
        yield answer("weigh", groups=[one.as_json() for one in _effective(facts, member)])


def tested(facts: Facts, member: Member) -> Finding:
    """How the model was chosen, and how many images it was tested on."""
    images = sum(len(facts.results.image_ids(part, "test")) for part in facts.parts(member))
    pooled = facts.chosen.pooled
    if member.kind != "pooled" or pooled is None:
        return answer("tested", role=facts.chosen.chosen_on, member=member.member, images=images)
    parts = list(pooled.parts) if len(pooled.parts) < pooled.of else None
    return answer("tested_parts", role=facts.chosen.chosen_on, images=images, parts=parts, count=pooled.of)


def offered_line(facts: Facts) -> Finding:
    """The model offered for use, on its own test part; one that learned from all images has none."""
    member, run = facts.offered, facts.results.folder
    if run.final_keys(member) != run.keys_of(member):
        return answer("offered_final", reading=member.reading, images=len(run.index))
    images = len(facts.results.image_ids(member, "test"))
    found = [finding.as_json() for finding in _scores(facts, member)]
    return answer("offered", outer=member.outer, member=member.member, images=images, scores=found)


def _scores(facts: Facts, member: Member) -> Iterator[Finding]:
    """Sensitivity and specificity (of more than two classes the recall of each), balanced accuracy and AUC."""
    names = facts.results.class_names
    if len(names) == 2:
        for metric, name in (("sensitivity", names[1]), ("specificity", names[0])):
            yield from _score(facts, member, metric, class_name=name)
    else:
        for name, value in _recalls(facts, member).items():
            yield answer("recall", class_name=name, value=value)
        yield from _score(facts, member, "balanced_accuracy")
    yield from _score(facts, member, "auc")


def _score(facts: Facts, member: Member, metric: str, **values: Any) -> Iterator[Finding]:
    """One score with its interval, its spread over outer parts, or neither; nothing where the score is not there."""
    score = facts.score(member.member, metric, facts.unit)
    if not score or math.isnan(score["value"]):
        return
    made = facts.made(member.member, metric, facts.unit)
    ending = "alone" if math.isnan(score["low"]) else next((word for word, mark in MADE.items() if mark in made), "")
    if ending:
        known = {name: value for name, value in score.items() if not math.isnan(value)}
        yield answer(f"score_of_{ending}" if values else f"score_{ending}", metric=metric, **known, **values)
    else:
        yield answer("score_of" if values else "score", metric=metric, **score, **values)


MADE = {"spread": '"interval.spread"', "one": '"interval.one_subject"'}
"""Endings of answers about scores that have no interval to be believed, and the findings that say so."""


def _recalls(facts: Facts, member: Member) -> dict[str, float]:
    """Recall of each class that has images, by subject or by image, weighed as in the table of scores."""
    rows = tested_images(facts.results, facts.parts(member))
    weight = 1.0 / rows.groupby("group")["right"].transform("size") if facts.unit == "subject" else 1.0
    sums = rows.assign(weight=weight, hit=rows["right"] * weight).groupby("class_name")[["hit", "weight"]].sum()
    right = sums["hit"] / sums["weight"]
    return {name: float(right[name]) for name in facts.results.class_names if name in right.index}


def _wrong(facts: Facts, member: Member) -> Finding:
    """How many images of each class were called another one."""
    rows, names = tested_images(facts.results, facts.parts(member)), facts.results.class_names
    counts = rows.groupby("class_name")["right"].agg(["size", "sum"])
    wrong = {name: (int(row["size"] - row["sum"]), int(row["size"])) for name, row in counts.iterrows()}
    if len(names) == 2:
        missed, false = wrong.get(names[1], (0, 0)), wrong.get(names[0], (0, 0))
        values = {"missed": missed[0], "of": missed[1], "false": false[0], "of_other": false[1]}
        return answer("missed", positive=names[1], negative=names[0], **values)
    there = [(name, *wrong[name]) for name in names if name in wrong]
    each = [answer("wrong_of", class_name=name, wrong=count, of=total) for name, count, total in there]
    return answer("wrong", classes=[one.as_json() for one in each])


def _effective(facts: Facts, member: Member) -> Iterator[Finding]:
    """Of each class: how many subjects, and as how many of one size they weigh by image."""
    rows = tested_images(facts.results, facts.parts(member))
    for name in facts.results.class_names:
        sizes = rows[rows["class_name"] == name].groupby("group").size().to_numpy(float)
        if len(sizes):
            effective = float(sizes.sum() ** 2 / (sizes**2).sum())
            yield answer("weigh_of", class_name=name, subjects=len(sizes), effective=effective)


def tested_images(results: Results, parts: Sequence[Member]) -> pd.DataFrame:
    """One row per test image of some members: outer, group, class_name, right, called, and the probabilities p_k."""
    tables = []
    for member in parts:
        labels_n, probs_nk, _ = results.scored(member, "test")
        called_n = calls(probs_nk)
        names = np.array(results.class_names)
        rows = {
            "outer": member.outer,
            "group": results.groups_of(member, "test"),
            "class_name": names[labels_n],
            "right": called_n == labels_n,
            "called": names[called_n],
        }
        tables.append(pd.DataFrame(rows | {f"p_{k}": probs_nk[:, k] for k in range(probs_nk.shape[1])}))
    return pd.concat(tables, ignore_index=True)


def subject_table(results: Results, member: Member, parts: Sequence[Member]) -> pd.DataFrame:
    """One row per identity group and class of the test images of a member: what the table `subjects` holds.

    A subject is called by the mean probability of its images: of two classes the second from 0.5 on. `right` counts
    images called right; `p_called` is that mean of the class called, of two classes of the second one;
    `share_called` is the share of images called so.

    Args:
        parts: who stands for the member on each outer part.
    """
    rows, names = tested_images(results, parts), results.class_names
    found = []
    for (outer, group, name), own in rows.groupby(["outer", "group", "class_name"], sort=True):
        means_k = own[[f"p_{k}" for k in range(len(names))]].to_numpy(float).mean(axis=0)
        called = int(calls(means_k[None, :])[0])
        shown = 1 if len(names) == 2 else called
        facts = {
            "outer": outer,
            "group": group,
            "class_name": name,
            "images": len(own),
            "right": int(own["right"].sum()),
        }
        judged = {"called": names[called], "p_called": float(means_k[shown])}
        share = float((own["called"] == names[shown]).mean())
        found.append({"member": member.member, **facts, **judged, "share_called": share})
    return pd.DataFrame(found)
