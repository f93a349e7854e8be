"""Each reading of a training as one line: corrected first, then how far that lies from the published protocol."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from leukolab.base.findings import Finding
from leukolab.results.facts import Facts, answer
from leukolab.results.members import Member
from leukolab.results.scores import by_summary

METRIC = "accuracy"
"""What these lines speak of: the share of images called right."""


def reading_lines(facts: Facts) -> Iterator[Finding]:
    """A line per reading, learning rate and corrected protocol; of published ones alone where none was corrected."""
    spec, results = facts.results.spec, facts.results
    pairs = list(by_summary(results.models, [one for one in facts.members if one.kind == "summary"]))
    believed = {name for name, one in spec.active_protocols.items() if one.stance == "corrected"}
    for reading in spec.readings:
        mine = [models for one, models in pairs if one.reading == reading]
        rates = {models[0].learning_rate for models in mine}
        for rate in dict.fromkeys(models[0].learning_rate for models in mine):
            own = [models for models in mine if models[0].learning_rate == rate]
            corrected = [models for models in own if models[0].protocol in believed]
            published = [models for models in own if models[0].protocol not in believed]
            for models in corrected or published:
                other = published[0] if corrected and published else None
                yield _line(facts, models, other, rate if len(rates) > 1 else None)


def _line(facts: Facts, models: Sequence[Member], published: Sequence[Member] | None, rate: float | None) -> Finding:
    """One reading under one protocol, its rivals, and the same under the published protocol where that was run."""
    stance = facts.results.spec.protocols[models[0].protocol].stance
    value = _mean(facts, models)
    values: dict[str, Any] = {
        "protocol": models[0].protocol,
        "method": models[0].reading,
        "rate": rate,
        "score": _score(facts, models).as_json(),
        "rivals": [one.as_json() for one in _rivals(facts, models, published, value)],
        "unit": _unit(facts),
    }
    if published is None:
        return answer(f"reading_{stance}", **values)
    before = _mean(facts, published)
    return answer("reading_both", **values, other=published[0].protocol, published=before, difference=value - before)


def _unit(facts: Facts) -> str:
    """What is counted alike, under both protocols."""
    return "subject" if facts.results.subjects_known else "image"


def _values(facts: Facts, members: Sequence[Member]) -> list[float]:
    found = [facts.number(one.member, METRIC, _unit(facts)) for one in members]
    return [value for value in found if value is not None and not math.isnan(value)]


def _mean(facts: Facts, members: Sequence[Member]) -> float:
    values = _values(facts, members)
    return sum(values) / len(values) if values else math.nan


def _score(facts: Facts, models: Sequence[Member]) -> Finding:
    """The score of one model with its interval, where it has one; of several the mean and the spread."""
    values = _values(facts, models)
    if len(models) > 1:
        spread = {"low": min(values, default=math.nan), "high": max(values, default=math.nan)}
        return answer("of_parts", value=_mean(facts, models), parts=len({one.outer for one in models}), **spread)
    score = facts.score(models[0].member, METRIC, _unit(facts))
    if math.isnan(score.get("low", math.nan)):
        return answer("of_one_alone", value=_mean(facts, models))
    return answer("of_one", **score)


def _rivals(
    facts: Facts, models: Sequence[Member], published: Sequence[Member] | None, value: float
) -> Iterator[Finding]:
    """Each simple rival on the very splits of a reading, and how far the network is from it."""
    for method in dict.fromkeys(one.method for one in facts.results.rivals):
        here = _mean(facts, _beside(facts, models, method))
        said = facts.results.shortcut if method == "colour" else method
        values = {"rival": said, "value": here, "more": value - here}
        if published is None:
            yield answer("beside", **values)
        else:
            before = _mean(facts, _beside(facts, published, method))
            yield answer("beside_both", **values, published=before, difference=here - before)


def _beside(facts: Facts, models: Sequence[Member], method: str) -> list[Member]:
    """The rivals of that name on the outer parts of some models."""
    places = {(one.protocol, one.outer) for one in models}
    return [one for one in facts.results.rivals if one.method == method and (one.protocol, one.outer) in places]
