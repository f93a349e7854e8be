"""How far a run is, read from its folder alone: while it runs, after a kill, and when it is finished; no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from leukolab.base.errors import RunError
from leukolab.base.files import read_json
from leukolab.base.home import Home
from leukolab.base.progress import duration
from leukolab.plan import Place, Row, Status, held, read_events, read_plan, status
from leukolab.plan.ledger import LEDGER_FILE
from leukolab.plan.lock import LOCK_FILE
from leukolab.plan.task import PLAN_FILE

KINDS = {"features": "frozen part", "heads": "heads", "train": "models"}
"""Kinds of jobs as people know them."""
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


def read_progress(run: Path, home: Home) -> Progress:
    """How far the run in this folder is.

    Args:
        run: the run folder.
        home: the home folder it works with; what is kept there need not be done again.

    Raises:
        RunError: this is no run folder, or its plan is damaged.
    """
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
    reported = told[-1:] == ["reported"] and (run / "report" / "report.html").exists()
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


def as_text(progress: Progress) -> str:
    """The same for a person, in a few lines."""
    return "\n".join(_lines(progress))


def _lines(progress: Progress) -> Iterator[str]:
    plan = progress.plan
    if plan is None:
        yield {"preparing": "preparing: images are read, packed and split; the jobs are not listed yet"}.get(
            progress.state, "stopped before its jobs were listed; the same 'leukolab study run' command begins again"
        )
        return
    total = len(plan.rows)
    share = plan.done / total if total else 1.0
    filled = int(share * BAR)
    yield f"{_state(progress)}: {plan.done} of {total} jobs done [{'#' * filled}{'.' * (BAR - filled)}]{_ahead(plan)}"
    for kind, counts in _kinds(plan).items():
        others = ", ".join(f"{counts[name]} {name}" for name in ("running", "failed") if counts[name])
        yield f"  {KINDS.get(kind, kind):12} {counts['done']:>5} of {sum(counts.values())}   {others}".rstrip()
    for row in plan.rows:
        if row.state in ("running", "failed"):
            yield _row(row)
    yield from _next(progress)


def _state(progress: Progress) -> str:
    try:
        name = str(read_json(progress.run / "spec.json")["name"])
    except (RunError, KeyError, TypeError):
        name = progress.run.name
    return f"{name}, {progress.state}"


def _ahead(plan: Status) -> str:
    """`, about 12 min left`; at least so long where a kind has not been measured yet."""
    if plan.done == len(plan.rows):
        return ""
    if plan.seconds_left is None:
        return " time left not known yet"
    return f" {'at least' if plan.unmeasured else 'about'} {duration(plan.seconds_left)} left"


def _row(row: Row) -> str:
    since = f" for {duration(row.seconds)}" if row.state == "running" and row.seconds is not None else ""
    note = row.note or ("begun" if row.state == "running" else "")
    return f"  {'now' if row.state == 'running' else 'failed'}: {row.name}{since}: {note}"


def _next(progress: Progress) -> Iterator[str]:
    plan = progress.plan
    if progress.reported:
        yield f"report: {progress.run / 'report' / 'report.html'}"
    elif plan is not None and plan.done == len(plan.rows):
        yield "  left: simple rivals, scores and the report"
    if progress.state == "stopped":
        yield "the same 'leukolab study run' command goes on from here"


def _kinds(plan: Status) -> dict[str, dict[str, int]]:
    """Kind to how many of its jobs are done, running, left and failed."""
    counts = Counter((row.kind, row.state) for row in plan.rows)
    kinds = dict.fromkeys(row.kind for row in plan.rows)
    return {kind: {state: counts[kind, state] for state in ("done", "running", "left", "failed")} for kind in kinds}
