"""What a reader calls a member: a job, an ensemble, a rival or a summary of them."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from leukolab.report.chosen import is_picked
from leukolab.report.run import Run
from leukolab.report.texts import Texts

RIVALS = ("features", "colour")


def rate_text(rate: float) -> str:
    """A learning rate as people write it: 0.001, 0.0001, 0.00001."""
    return np.format_float_positional(rate, trim="-")


def rates_text(run: Run, reading: str) -> str:
    """The learning rates that a reading trains with: its own, else the study's."""
    own = run.spec.get("readings", {}).get(reading, {}).get("learning_rates")
    rates = own or run.spec.get("training", {}).get("learning_rates", [])
    return ", ".join(rate_text(float(rate)) for rate in rates)


def method_of(member: str, protocol: str) -> str:
    """Method of a rival or a summary: its name without prefix, protocol and outer part, such as `frozen`."""
    words = [
        word
        for word in member.replace("/", ":").split(":")
        if word not in ("rival", "summary", "pooled", protocol)
        and not (word.startswith("outer") and word[5:].isdigit())
    ]
    return ":".join(words)


@dataclass(frozen=True)
class Names:
    """Labels of the members of one run."""

    run: Run
    texts: Texts
    _cache: dict[str, str] = field(default_factory=dict)

    def __call__(self, member: str, protocol: str = "") -> str:
        """The label of `member`, such as "Inter-LR 0.001, kappa"."""
        if not self._cache:
            self._cache.update(self._of_jobs() | self._of_ensembles())
            self._cache.update(self._of_pooled())
        if member not in self._cache:
            return self.method(method_of(member, protocol))
        return self._cache[member]

    def method(self, method: str) -> str:
        """The label of a reading or a rival; of a reading at one learning rate, such as `two_stage:lr0.001`."""
        name, _, rate = method.partition(":lr")
        if name == "colour" and self.run.answers.get("shortcut") == "colour":
            name = "colour_only"
        label = self.texts.name("methods", name)
        return self.texts("names.at_rate", name=label, rate=rate_text(float(rate))) if rate else label

    def protocol_panel(self, protocol: str) -> str:
        """Heading of the panel of one protocol, true of its split."""
        head = self.run.heads.get(protocol, {})
        leaks = protocol == "corrected" and head.get("leakage") == "known"
        by_group = protocol == "published" and head.get("by", "image") != "image"
        ending = "_leaks" if leaks else "_group" if by_group else ""
        return self.texts.name("panels", f"{protocol}{ending}")

    def panel(self, reading: str, protocol: str) -> str:
        """Heading of the panel of one reading under one protocol."""
        name = self.texts.name("methods_short", reading)
        return f"{name}, {self.texts.name('protocols_short', protocol)}"

    def _of_jobs(self) -> dict[str, str]:
        jobs = self.run.jobs
        several = self.run.kind == "wen" or bool((jobs["fold"] > 1).any())
        return {str(row["job"]): self._job(row, several) for row in jobs.to_dict("records")}

    def _job(self, row: dict[Hashable, Any], several: bool) -> str:
        rate = rate_text(float(row["learning_rate"]))
        if several:
            return self.texts("names.model_of_fold", rate=rate, fold=row["fold"])
        return self.texts("names.model_of_split", reading=self.method(str(row["reading"])), outer=row["outer"])

    def _of_ensembles(self) -> dict[str, str]:
        rates = self.run.jobs.set_index("job")["learning_rate"]
        labels: dict[str, str] = {}
        for ensemble, rows in self.run.ensembles.groupby("ensemble", sort=False):
            labels[str(ensemble)] = self._ensemble(rows, rates)
        return labels

    def _of_pooled(self) -> dict[str, str]:
        """Pooled ensembles are called what they are called in each outer part, picked ones by who picked them."""
        found = {}
        for row in self.run.pooled.drop_duplicates("member").to_dict("records"):
            member, last = str(row["member"]), str(row["member"]).rpartition("/")[2]
            if is_picked(member):
                found[member] = self.texts.name("picked", last)
            elif row["kind"] == "ensemble":
                found[member] = self._cache[str(row["source"])]
        return found

    def _ensemble(self, rows: pd.DataFrame, rates: pd.Series) -> str:
        first = rows.iloc[0]
        scenario = self.texts.name("scenarios", first["scenario"])
        scheme = self.texts.name("schemes", first["scheme"])
        used = {float(rate) for rate in rates.reindex(rows["job"]).dropna()}
        if first["scenario"] == "inter_lr" and len(used) == 1:
            scenario = f"{scenario} {rate_text(used.pop())}"
        return scenario if first["scheme"] == first["scenario"] else f"{scenario}, {scheme}"
