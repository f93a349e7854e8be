"""From the predictions of a run to its scores, chosen model and report; needs no torch."""

from __future__ import annotations

import json
import logging
import math
from pathlib import Path
from typing import Any

import pandas as pd

from leukolab.base.files import write_json, write_table
from leukolab.base.home import Home
from leukolab.images import PixelStore
from leukolab.plan import Event, hold, write_event
from leukolab.report.names import Names
from leukolab.report.page import write_report
from leukolab.report.run import read_run
from leukolab.report.texts import load_texts
from leukolab.results.mixtures import (
    Mixtures,
    against_rivals,
    choose,
    hypotheses_table,
    mixtures_of,
    weights_table,
)
from leukolab.results.pooling import Pooled, pool, pooled_hypotheses, pooled_record, pooled_scores, pooled_table
from leukolab.results.predictions import Results, read_results, read_spec
from leukolab.results.scores import Member, model_members, rival_members, score_members
from leukolab.study.answers import answers
from leukolab.study.thumbnails import Thumbnails

NEWS = logging.getLogger(__name__)


def report_run(run: Path, pixels: PixelStore | Home | None, language: str = "en") -> Path:
    """`finish`, while no other process works in the run folder; noted in its ledger.

    Raises:
        RunError: as `finish`, or another process works there.
    """
    read_spec(run)
    with hold(run):
        path = finish(run, pixels, language)
        write_event(run, Event("reported"))
    return path


def finish(run: Path, pixels: PixelStore | Home | None, language: str = "en") -> Path:
    """Score the predictions in `run`, choose a model, write the report.

    Args:
        run: a run folder whose predictions are complete.
        pixels: the packed images, or the home folder where they may lie; pictures shown before are kept in the run.
        language: of the report.

    Returns:
        Path of the HTML report.

    Raises:
        RunError: predictions are missing or damaged.
    """
    NEWS.info("scores and report")
    texts = load_texts(language)
    results = read_results(run)
    models, rivals = model_members(results), rival_members(results)
    mixtures = mixtures_of(results) if results.spec.ensembles is not None else []
    ensembles = [member for one in mixtures for member in one.members]
    pools = pool(results, models, rivals, mixtures)
    tables = score_members(results, [*models, *ensembles, *rivals]) | _mixture_tables(results, mixtures, pools)
    if pools:
        tables["scores"] = pd.concat([tables["scores"], pooled_scores(results, pools)], ignore_index=True)
        tables["pooled"] = pooled_table(pools)
    for name in ("ensembles", "hypotheses", "pooled"):
        (run / f"{name}.parquet").unlink(missing_ok=True)
    for name, table in tables.items():
        write_table(run / f"{name}.parquet", table)
    member, role, claim = choose(results, [*models, *ensembles])
    chosen = _chosen(results, member, tables["scores"]) | {"chosen_on": role, "claim": claim}
    chosen["against"] = against_rivals(results, member, rivals)
    chosen |= pooled_record(results, pools.get(member.place.protocol, []))
    write_json(run / "chosen.json", chosen)
    (run / "answers.json").unlink(missing_ok=True)  # of an earlier report, perhaps damaged, and not to be read below
    name = Names(read_run(run), texts)(member.name)
    write_json(run / "answers.json", answers(results, tables["scores"], chosen | {"name": name}, texts))
    thumbnails = Thumbnails.open(run, pixels)
    path = write_report(run, thumbnails.get, language=language)
    thumbnails.keep()
    return path


def _mixture_tables(
    results: Results, mixtures: list[Mixtures], pools: dict[str, list[Pooled]]
) -> dict[str, pd.DataFrame]:
    """Weights of the ensembles, and the hypotheses: of all outer parts together where they are pooled, and of each."""
    if not mixtures:
        return {}
    together = [pooled_hypotheses(results, found, mixtures) for found in pools.values()]
    hypotheses = pd.concat([*together, hypotheses_table(results, mixtures)], ignore_index=True)
    return {"ensembles": weights_table(mixtures), "hypotheses": hypotheses}


def _chosen(results: Results, member: Member, scores: pd.DataFrame) -> dict[str, Any]:
    """The model offered for use, with its test scores on the card."""
    if member.kind == "ensemble":
        table = pd.read_parquet(results.run / "ensembles.parquet")
        mine = table[table["ensemble"] == member.name]
        jobs, weights = list(mine["job"]), [float(weight) for weight in mine["weight"]]
    else:
        jobs, weights = [member.name], [1.0]
    keys = results.jobs.set_index("job")["key"]
    test = scores[(scores["member"] == member.name) & (scores["role"] == "test")]
    columns = ["metric", "unit", "value", "low", "high"]
    records = [{k: _number(v) for k, v in row.items()} for row in test[columns].to_dict("records")]
    return {
        "member": member.name, "protocol": member.place.protocol, "outer": member.place.outer,
        "jobs": jobs, "keys": [str(keys[job]) for job in jobs], "weights": weights,
        "test": json.loads(json.dumps(records)),
        "command": "leukolab predict IMAGES... --run RUN_FOLDER",
    }  # fmt: skip


def _number(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value
