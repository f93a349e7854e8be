"""How far a run is, read from its folder alone: while it runs, after a kill, and when it is finished; no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from leukolab.base.errors import RunError
from leukolab.base.home import Home
from leukolab.plan import Place, Row, Status, held, read_events, read_plan, status
from leukolab.plan.ledger import LEDGER_FILE
from leukolab.plan.lock import LOCK_FILE
from leukolab.plan.task import PLAN_FILE
from leukolab.report.texts import Texts, load_texts
from leukolab.results.folder import RunFolder

OPEN = ("running", "failed")
"""States of jobs that are told one by one."""
BAR = 24


@dataclass(frozen=True)
class Progress:
    """What a run folder tells.

    Attributes:
        state: preparing (reads and packs images, or cuts them), running, stopped, or finished.
        plan: of the jobs; None before they are listed.
        reported: whether the report is that of these jobs.
    """

    run: Path
    state: Literal["preparing", "running", "stopped", "finished"]
    plan: Status | None
    reported: bool


def read_progress(run: str | Path, home: Home) -> Progress:
    """How far the run in this folder is.

    Args:
        run: the run folder.
        home: the home folder it works with; what is kept there need not be done again.

    Raises:
        RunError: this is no run folder, or its plan is damaged.
    """
    run = Path(run)
    if not any((run / name).exists() for name in (PLAN_FILE, LEDGER_FILE, LOCK_FILE)):
        raise RunError(
            f"{run}: expected the folder of a run, found no plan in it. "
            "'leukolab study run' says where its run folder is."
        )
    alive = held(run)
    if not (run / PLAN_FILE).exists():
        return Progress(run, "preparing" if alive else "stopped", None, False)
    plan = status(read_plan(run), Place(run, home))
    told = [event.event for event in read_events(run) if event.event != "progress"]
    reported = told[-1:] == ["reported"] and RunFolder(run).page.exists()
    done = plan.done == len(plan.rows) and reported
    return Progress(run, "running" if alive else "finished" if done else "stopped", plan, reported)


def as_json(progress: Progress) -> dict[str, Any]:
    """The same as JSON values: `state`, `reported`, counts, `seconds_left`, `kinds` with counts each, `jobs`."""
    found: dict[str, Any] = {"state": progress.state, "reported": progress.reported}
    if progress.plan is None:
        return found
    values = asdict(progress.plan)
    jobs = values.pop("rows")
    return found | values | {"kinds": _kinds(progress.plan), "jobs": list(jobs)}


def as_text(progress: Progress, language: str = "en") -> str:
    """The same for a person, in a few lines of this language."""
    return "\n".join(_lines(progress, load_texts(language)))


def _lines(progress: Progress, texts: Texts) -> Iterator[str]:
    plan = progress.plan
    if plan is None:
        yield texts("status.preparing") if progress.state == "preparing" else texts("status.not_listed")
        return
    done, total = plan.done, len(plan.rows)
    filled = int((done / total if total else 1.0) * BAR)
    bar, left = f"[{'#' * filled}{'.' * (BAR - filled)}]", _ahead(plan, texts)
    name, state = _name(progress), texts.name("states", progress.state)
    yield texts("status.done", name=name, state=state, done=done, total=total, bar=bar, left=left).rstrip()
    kinds = {texts.name("job_kinds", kind): counts for kind, counts in _kinds(plan).items()}
    width = max(12, *map(len, kinds))
    for kind, counts in kinds.items():
        others = ", ".join(texts(f"status.{state}", count=counts[state]) for state in OPEN if counts[state])
        jobs = texts("status.jobs", done=counts["done"], total=sum(counts.values()))
        yield f"  {kind:{width}} {jobs:>10}   {others}".rstrip()
    for row in plan.rows:
        if row.state in OPEN:
            yield f"  {_row(row, texts)}"
    yield from _next(progress, texts)


def _name(progress: Progress) -> str:
    """The study's name; the folder's where its settings are damaged."""
    try:
        return RunFolder(progress.run).spec.name
    except RunError:
        return progress.run.name


def _ahead(plan: Status, texts: Texts) -> str:
    """`about 12 min left`; at least so long where a kind has not been measured yet."""
    if plan.done == len(plan.rows):
        return ""
    if plan.seconds_left is None:
        return texts("status.left_unknown")
    time = _duration(plan.seconds_left, texts)
    return texts("status.left_at_least", time=time) if plan.unmeasured else texts("status.left_about", time=time)


def _row(row: Row, texts: Texts) -> str:
    if row.state == "failed":
        return texts("status.failed_job", name=row.name, note=row.note)
    note = texts.said(row.note) or texts("status.begun")
    if row.seconds is None:
        return texts("status.now", name=row.name, note=note)
    return texts("status.now_for", name=row.name, time=_duration(row.seconds, texts), note=note)


def _next(progress: Progress, texts: Texts) -> Iterator[str]:
    plan = progress.plan
    if progress.reported:
        yield texts("terminal.report", path=RunFolder(progress.run).page)
    elif plan is not None and plan.done == len(plan.rows):
        yield f"  {texts('status.left_over')}"
    if progress.state == "stopped":
        yield texts("status.goes_on")


def _duration(seconds: float, texts: Texts) -> str:
    """`8 s`, `12 min` or `3.4 h`."""
    if seconds < 100:
        return texts("terminal.seconds", value=seconds)
    if seconds < 6000:
        return texts("terminal.minutes", value=seconds / 60)
    return texts("terminal.hours", value=seconds / 3600)


def _kinds(plan: Status) -> dict[str, dict[str, int]]:
    """Kind to how many of its jobs are done, running, left and failed."""
    counts = Counter((row.kind, row.state) for row in plan.rows)
    kinds = dict.fromkeys(row.kind for row in plan.rows)
    return {kind: {state: counts[kind, state] for state in ("done", "running", "left", "failed")} for kind in kinds}
