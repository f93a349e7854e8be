"""Tables of the four-class study: Tabel 2, 3 and 4, and every split beside colour alone."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from leukolab.report import chosen
from leukolab.report.items import Column, Sheet
from leukolab.report.names import Names
from leukolab.report.run import Run
from leukolab.report.tables.common import columns_of
from leukolab.report.texts import Texts
from leukolab.results.members import Member, own_rate
from leukolab.results.stopping import stopping

RIVALS = ("features", "colour")
"""What rivals learn from, in the order in which they are shown."""
ACCURACY = "accuracy"
"""Row of a report by class that holds one number, in the column of F1."""
AVERAGES = ("macro", "weighted")
"""Rows of a report by class that are means of the others."""
MEANS = (ACCURACY, *AVERAGES)
"""Rows that are of no single class."""
EPOCHS = (1, *range(10, 101, 10))
"""Epochs of Tabel 2."""


def history_sheet(run: Run, names: Names, texts: Texts) -> Sheet:
    """Loss and accuracy at epochs 1, 10, 20 ... 100 and the last one (Tabel 2)."""
    parts = []
    for job in chosen.first_jobs(run).to_dict("records"):
        rows = chosen.steps(run.history[run.history["job"] == job["job"]])
        kept = rows[rows["step"].isin(EPOCHS) | (rows["step"] == len(rows))]
        parts.append(kept.assign(protocol=job["protocol"], reading=job["reading"]))
    frame = pd.concat(parts, ignore_index=True)
    shown = frame.assign(
        protocol=[texts.name("protocols", name) for name in frame["protocol"]],
        reading=[names.method(str(name)) for name in frame["reading"]],
    )
    keys = columns_of(texts, ("protocol", "text"), ("reading", "text"), ("step", "count"))
    values = columns_of(
        texts, ("loss", "score"), ("accuracy", "score"), ("val_loss", "score"), ("val_accuracy", "score")
    )
    return Sheet("history", frame, keys + values, shown=shown)


def stopping_sheet(run: Run, names: Names, texts: Texts) -> Sheet:
    """Of every model the epochs it ran, the one it kept, and where patience would have stopped it."""
    frame = stopping(run.history, run.jobs, run.spec)
    shown = frame.assign(
        protocol=[texts.name("protocols", name) for name in frame["protocol"]],
        reading=[names.method(str(name)) for name in frame["reading"]],
    )
    keys = columns_of(texts, ("protocol", "text"), ("reading", "text"), ("outer", "count"))
    values = columns_of(
        texts, ("epochs", "count"), ("best_epoch", "count"), ("patience", "count"), ("would_stop", "count")
    )
    return Sheet("stopping", frame, keys + values, shown=shown)


def parts_sheet(run: Run, names: Names, texts: Texts) -> Sheet:
    """Loss and accuracy of train, validation and test (Tabel 3), the published ones marked."""
    scores = run.scores
    jobs = chosen.first_jobs(run)
    wanted = scores["metric"].isin(["accuracy", "log_loss"]) & (scores["unit"] == "image")
    found = scores[wanted & scores["member"].isin(jobs["job"])]
    wide = found.pivot_table(index=["protocol", "member", "role"], columns="metric", values="value", sort=False)
    wide = wide.reindex(columns=["log_loss", "accuracy"]).reset_index().rename(columns={"log_loss": "loss"})
    order = {name: number for number, name in enumerate((*jobs["job"], "train", "validation", "tuning", "test"))}
    wide = wide.sort_values(["member", "role"], key=lambda column: column.map(order))
    wide = wide.merge(jobs[["job", "reading"]], left_on="member", right_on="job")
    frame = wide[["protocol", "reading", "role", "loss", "accuracy"]].rename_axis(columns=None)
    paper = _paper(run)
    frame = pd.concat([frame, paper], ignore_index=True) if len(paper) else frame
    shown = frame.assign(
        protocol=[texts.name("protocols", name) for name in frame["protocol"]],
        reading=[names.method(str(name)) for name in frame["reading"]],
        role=[texts.name("roles", name) for name in frame["role"]],
    )
    columns = columns_of(
        texts, ("protocol", "text"), ("reading", "text"), ("role", "text"), ("loss", "score"), ("accuracy", "score")
    )
    strong = frozenset(range(len(frame) - len(paper), len(frame)))
    values = {"own_figures": f" {texts('table.of_paper')}" if len(paper) else ""}
    return Sheet("parts", frame, columns, shown=shown, strong=strong, values=values)


def _paper(run: Run) -> pd.DataFrame:
    """The paper's own rows, where the run used the paper's data."""
    paper = run.spec.published_here
    if paper is None:
        return pd.DataFrame()
    return pd.DataFrame([part.model_dump() for part in paper.parts]).assign(protocol="paper", reading="paper")


def class_report_sheet(run: Run, names: Names, texts: Texts, values: dict[str, str]) -> Sheet:
    """Precision, recall and F1 of every class on the test part, and accuracy (Tabel 4)."""
    table = _with_accuracy(run)
    jobs = chosen.first_jobs(run)[["job", "reading"]]
    table = table[table["member"].isin(jobs["job"])]
    frame = table.drop(columns="reading").merge(jobs, left_on="member", right_on="job").drop(columns=["job"])
    shown = frame.assign(
        protocol=[texts.name("protocols", name) for name in frame["protocol"]],
        reading=[names.method(str(name)) for name in frame["reading"]],
        class_name=[
            texts("averages." + name) if name in MEANS and name not in run.class_names else names.class_name(name)
            for name in frame["class_name"].astype(str)
        ],
    )
    keys = columns_of(texts, ("protocol", "text"), ("reading", "text"), ("class_name", "text"))
    numbers = columns_of(texts, ("precision", "score"), ("recall", "score"), ("f1", "score"), ("support", "count"))
    return Sheet("class_report", frame, keys + numbers, shown=shown, values=values)


def _with_accuracy(run: Run) -> pd.DataFrame:
    """The reports by class on the test part, a row of accuracy before the means of each."""
    table = run.class_report
    table = table[table["role"] == "test"].reset_index(drop=True)
    scores = chosen.part_scores(run)
    means = table["class_name"].eq(AVERAGES[0]) & ~table["class_name"].isin(run.class_names)
    rows = table[means].assign(class_name=ACCURACY, precision=float("nan"), recall=float("nan"))
    rows["f1"] = [chosen.value_of(scores, str(member), ACCURACY) for member in rows["member"]]
    rows.index = rows.index.to_numpy() - 0.5
    return pd.concat([table, rows]).sort_index().reset_index(drop=True)


@dataclass(frozen=True)
class Method:
    """A reading, apart at each learning rate where it ran with several, or a rival. A reading may be called as one."""

    name: str
    rate: float | None = None
    rival: bool = False

    @property
    def column(self) -> str:
        """What heads its column where the table is written as data."""
        return self.name if self.rate is None else f"{self.name}/lr{self.rate:g}"

    def label(self, names: Names) -> str:
        """What a reader calls it."""
        return names.rival(self.name) if self.rival else names.reading(self.name, self.rate)


def method_of(run: Run, member: Member) -> Method:
    """The method of a model or a rival, or of what sums some up."""
    if not member.reading:
        return Method(member.method, rival=True)
    return Method(member.reading, own_rate(member, run.members.values()))


def methods(run: Run) -> list[Method]:
    """The methods of a run: readings in the order of its jobs, then rivals in that of `RIVALS`."""
    readings = [method_of(run, run.members[str(job)]) for job in run.jobs["job"]]
    rivals = [Method(name, rival=True) for name in RIVALS]
    return list(dict.fromkeys((*readings, *rivals)))


def method_rows(run: Run, protocol: str, metric: str) -> pd.DataFrame:
    """Test scores of one protocol and metric, by subject where known: method (a `Method`), outer, value, low, high."""
    scores = chosen.part_scores(run, chosen.unit_of(run))
    scores = scores[(scores["protocol"] == protocol) & (scores["metric"] == metric)]
    scores = scores[scores["kind"].isin(["model", "rival"])]
    found = scores["member"].map(lambda name: method_of(run, run.members[str(name)]))
    return scores.assign(method=found)[["method", "outer", "value", "low", "high"]]


def splits_frame(run: Run, protocol: str, metric: str) -> pd.DataFrame:
    """Outer parts by methods (each a `Method`), rivals last."""
    rows = method_rows(run, protocol, metric)
    table = rows.pivot_table(index="outer", columns="method", values="value", aggfunc="mean", sort=False).sort_index()
    order = [one for one in methods(run) if one in table.columns]
    return table[order].rename_axis(columns=None)


def splits_sheet(run: Run, names: Names, texts: Texts) -> Sheet:
    """Every split and block of every reading beside colour alone; the published figure marked."""
    metric = chosen.primary(run)
    frames = [splits_frame(run, name, metric).reset_index().assign(protocol=name) for name in run.protocols]
    frame = pd.concat(frames, ignore_index=True)
    ordered = [one for one in methods(run) if one in frame.columns]
    readings = {one.column for one in ordered if not one.rival}
    heads = {one: f"rival:{one.name}" if one.rival and one.name in readings else one.column for one in ordered}
    frame = frame[["protocol", "outer", *ordered]].rename(columns=heads)
    shown = frame.assign(protocol=[texts.name("protocols", name) for name in frame["protocol"]])
    keys = columns_of(texts, ("protocol", "text"), ("outer", "count"))
    columns = keys + tuple(Column(heads[one], one.label(names)) for one in ordered)
    return Sheet(
        "splits",
        frame,
        columns,
        shown=shown,
        values={"metric": texts.name("metrics", metric), "unit": chosen.unit_of(run)},
    )
