"""What a reader calls a member: a model, an ensemble, a rival or a summary of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from leukolab.base.findings import Finding, finding_from
from leukolab.report.texts import Texts
from leukolab.results.folder import RunFolder
from leukolab.results.members import BEST_ENSEMBLE, CHOSEN, Member, own_rate
from leukolab.spec import StudySpec
from leukolab.splits import SplitHead


def rate_text(rate: float, texts: Texts) -> str:
    """A learning rate as people write it: 0.001, 0.0001, 0.00001."""
    return texts.localised(np.format_float_positional(rate, trim="-"))


def rates_text(spec: StudySpec, reading: str, texts: Texts) -> str:
    """The learning rates that a reading trains with: its own, else the study's."""
    rates = spec.readings[reading].learning_rates or spec.training.learning_rates
    return ", ".join(rate_text(rate, texts) for rate in rates)


@dataclass(frozen=True)
class Names:
    """Labels of the members of one run."""

    spec: StudySpec
    members: Mapping[str, Member]
    heads: Mapping[str, SplitHead]
    shortcut: str
    texts: Texts
    card: str = ""
    """Name of the data card, whose classes have names that people say."""

    @classmethod
    def of(cls, folder: RunFolder, texts: Texts) -> Names:
        """The names of a run, from its folder.

        Raises:
            RunError: the run is not finished.
        """
        heads = {name: split.head for name, split in folder.splits().items()}
        return cls(folder.spec, folder.member_list(), heads, folder.rivals_record.shortcut, texts, folder.card.name)

    def __call__(self, name: str) -> str:
        """The label of a member, such as "Inter-LR 0.001, by kappa"."""
        member = self.members[name]
        if member.kind == "model":
            return self._model(member)
        if member.method in (CHOSEN, BEST_ENSEMBLE):
            return self.texts.name("picked", member.method)
        if member.scenario:
            return self._ensemble(member)
        if not member.reading:
            return self.rival(member.method)
        return self.method(member.reading, member.learning_rate if self._several_rates else None)

    def class_name(self, name: str) -> str:
        """A class as people say it, such as "leukaemic (all)"; one of the user's own as it is."""
        return self.texts.word("classes", f"{self.card}.{name}").removeprefix(f"{self.card}.")

    def data_set(self, title: str) -> str:
        """The data set by the name that this language has for it, else by its own title."""
        return data_set_name(self.card, title, self.texts)

    @property
    def things(self) -> str:
        """What the images of the data set show: cells, or images where nobody said."""
        return self.texts.entries.get(f"things.{self.card}", self.texts("things.other"))

    def rival(self, method: str) -> str:
        """The label of a rival."""
        return self.texts.name("rivals", "colour_only" if method == self.shortcut == "colour" else method)

    def method(self, reading: str, rate: float | None = None) -> str:
        """The label of a reading; of its mean at one of several learning rates, with that."""
        label = self._reading(reading, self.texts.name("methods", reading))
        return label if rate is None else self.texts("names.at_rate", name=label, rate=rate_text(rate, self.texts))

    def reading(self, reading: str, rate: float | None = None) -> str:
        """The label of a reading; of its models at one of several learning rates, with that."""
        label = self._reading(reading, self.texts.name("methods", reading))
        return label if rate is None else self.texts("names.with_rate", name=label, rate=rate_text(rate, self.texts))

    def finding(self, finding: Finding) -> str:
        """The sentence of a finding, its members, readings and protocols called by their labels."""
        values: dict[str, Any] = dict(finding.values)
        for name, value in values.items():
            values[name] = self._nested(value)
        for name in ("class_name", "positive", "negative"):
            if isinstance(values.get(name), str):
                values[name] = self.class_name(values[name])
        if "member" in values:
            values["member"] = self(str(values["member"]))
        if "method" in values:
            values["method"] = self.method(str(values["method"]), values.get("rate"))
        if "count" in values and "parts" in values:
            part = "parts_some" if values["parts"] else "parts_all"
            values["parts"] = self.texts(f"names.{part}", parts=values["parts"], count=values["count"])
        return self.texts.finding(Finding(finding.code, finding.severity, {"things": self.things, **values}))

    def _nested(self, value: Any) -> Any:
        """A finding inside another as its sentence, a list of findings as theirs; anything else as it is."""
        if isinstance(value, dict) and "code" in value:
            return self.finding(finding_from(value))
        if isinstance(value, list) and value and all(isinstance(one, dict) and "code" in one for one in value):
            return f"{self.texts('names.between')} ".join(self._nested(one) for one in value)
        return value

    def protocol_panel(self, protocol: str) -> str:
        """Heading of the panel of one protocol, true of its split; with its label where others of the run share it."""
        title = self._panel(protocol)
        alone = [self._panel(other) for other in self.heads].count(title) < 2
        return title if alone else f"{title} ({self.texts.name('protocols_short', protocol)})"

    def _panel(self, protocol: str) -> str:
        head, stance = self.heads[protocol], self.spec.protocols[protocol].stance
        leaks = stance == "corrected" and head.leakage == "known"
        by_group = stance == "published" and head.by != "image"
        ending = "_leaks" if leaks else "_group" if by_group else ""
        return self.texts.name("panels", f"{stance}{ending}")

    def panel(self, reading: str, protocol: str) -> str:
        """Heading of the panel of one reading under one protocol."""
        name = self._reading(reading, self.texts.name("methods_short", reading))
        return f"{name}, {self.texts.name('protocols_short', protocol)}"

    def _reading(self, reading: str, name: str) -> str:
        """A name of a reading, called shortened where it trains for fewer epochs than were published."""
        spec = self.spec.readings.get(reading)
        return self.texts("names.shortened", name=name, epochs=spec.epochs) if spec and spec.shortened else name

    @property
    def _several_rates(self) -> bool:
        return len({one.learning_rate for one in self.members.values() if one.kind == "model"}) > 1

    @property
    def _several_readings(self) -> bool:
        return len({one.reading for one in self.members.values() if one.kind == "model"}) > 1

    @property
    def _several_folds(self) -> bool:
        return any(one.kind == "model" and one.fold > 1 for one in self.members.values())

    def _model(self, member: Member) -> str:
        if self.spec.ensembles is not None or self._several_folds:
            rate = rate_text(member.learning_rate or 0.0, self.texts)
            name = self.texts("names.model_of_fold", rate=rate, fold=member.fold)
            return f"{self.method(member.reading)}, {name}" if self._several_readings else name
        reading = self.reading(member.reading, own_rate(member, self.members.values()))
        return self.texts("names.model_of_split", reading=reading, outer=member.outer)

    def _ensemble(self, member: Member) -> str:
        scenario = self.texts.name("scenarios", member.scenario)
        if member.scenario == "inter_lr" and member.learning_rate is not None:
            scenario = f"{scenario} {rate_text(member.learning_rate, self.texts)}"
        if member.scheme == member.scenario:
            return scenario
        return f"{scenario}, {self.texts.name('schemes', member.scheme)}"


def data_set_name(card: str, title: str, texts: Texts) -> str:
    """The title of a card in the language of the texts, where they have one."""
    return texts.entries.get(f"data_sets.{card}", title)
