"""What a bank of V views costs and gains against views drawn afresh, and what sharing one bank costs in diversity.

    python benchmarks/views.py --data FOLDER --images 400 --banks 1,2,4,8,8:model,online --out views.json

Each bank is the same study by `leukolab study run` with a home folder of its own; one that is done is not run again.
"""

from __future__ import annotations

import argparse
import itertools
import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import machine
import numpy as np
import pandas as pd
from outside import run_measured
from same_study import Prepared, Settings, prepare
from scores import engine_predictions
from sklearn.metrics import roc_auc_score

from leukolab.base.errors import LeukolabError
from leukolab.base.files import write_json
from leukolab.base.progress import NEWS, Terminal, shown

COLUMNS = {"bank": "{}", "seconds": "{:.0f}", "cache_mib": "{:.0f}", "accuracy": "{:.3f}", "auc": "{:.3f}",
           "mean_accuracy": "{:.3f}", "mean_auc": "{:.3f}", "disagreement": "{:.3f}"}  # fmt: skip
"""Of the models on average; `mean_*` of their averaged probabilities; how often two models call a cell differently."""


def run_bank(bank: str, prepared: Prepared, settings: Settings, folder: Path) -> dict[str, Any]:
    """Run the study with this bank, `V`, `V:model` or `online`, unless its record lies in `folder`.

    Raises:
        LeukolabError: the run failed; its log is named.
    """
    record = folder / "record.json"
    if record.exists():
        kept: dict[str, Any] = json.loads(record.read_text(encoding="utf-8"))
        return kept
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    views, _, of = bank.partition(":")
    command = [
        *(sys.executable, "-m", "leukolab", "--home", str(folder / "home"), "study", "run", str(prepared.study)),
        *("--data", str(prepared.images), "--out", str(folder / "run")),
        *("--set", f"training.augment.views={views}", "--set", f"training.augment.bank={of or 'study'}"),
    ]
    NEWS.info(f"bank {bank}")
    measured = run_measured(command, folder / "log.txt")
    if measured.exit_code:
        raise LeukolabError(f"{bank}: ended with code {measured.exit_code}, expected 0. See {folder / 'log.txt'}.")
    kept_bytes = sum(path.stat().st_size for path in (folder / "home" / "features").rglob("*") if path.is_file())
    found = {"bank": bank, "seconds": measured.wall_seconds, "cache_mib": kept_bytes / 2**20}
    found |= judged(engine_predictions(folder / "run"))
    write_json(record, found)
    shutil.rmtree(folder / "home")
    return found


def judged(table: pd.DataFrame) -> dict[str, float]:
    """Scores of the models on the test part, of their mean, and how often two of one learning rate disagree.

    Args:
        table: model, role, image_id, label, p (of class 1).
    """
    test = table[table["role"] == "test"]
    probs_nm = test.pivot(index="image_id", columns="model", values="p")
    labels = test.drop_duplicates("image_id").set_index("image_id")["label"].reindex(probs_nm.index).to_numpy()
    calls = probs_nm >= 0.5
    mean = probs_nm.mean(axis=1)
    pairs = [
        float((calls[one] != calls[other]).mean())
        for one, other in itertools.combinations(calls.columns, 2)
        if one.rpartition("/")[0] == other.rpartition("/")[0]
    ]
    return {
        "accuracy": float(np.mean([(calls[name] == labels).mean() for name in calls])),
        "auc": float(np.mean([roc_auc_score(labels, probs_nm[name]) for name in probs_nm])),
        "mean_accuracy": float(((mean >= 0.5) == labels).mean()),
        "mean_auc": float(roc_auc_score(labels, mean)),
        "disagreement": float(np.mean(pairs)),
        "test_images": len(labels),
    }


def table_of(records: list[dict[str, Any]]) -> str:
    """Records as aligned text, one line each."""
    rows = [list(COLUMNS), *([form.format(record[name]) for name, form in COLUMNS.items()] for record in records)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def main() -> None:
    """Run what is not done yet, then print the table and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of images")
    parser.add_argument("--card", default="cnmc2019")
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--banks", default="1,2,4,8,8:model,online", help="V, V:model (one each) or online")
    parser.add_argument("--epochs", default="16,8", help="of stage 1 and of stage 2")
    parser.add_argument("--learning-rates", default="1e-3")
    parser.add_argument("--size-px", type=int, default=224)
    parser.add_argument("--seed", type=int, default=2019)
    parser.add_argument("--out", type=Path, default=Path("views.json"))
    given = parser.parse_args()
    first, second = (int(text) for text in given.epochs.split(","))
    rates = tuple(float(text) for text in given.learning_rates.split(","))
    settings = Settings(
        given.card, given.images, (first, second), rates, given.size_px, seed=given.seed, subset="spread"
    )
    folder = given.out.with_suffix("") / settings.key
    try:
        prepared = prepare(given.data, settings, folder)
        records = [
            run_bank(bank, prepared, settings, folder / bank.replace(":", "-")) for bank in given.banks.split(",")
        ]
    except LeukolabError as error:
        sys.exit(f"views: {error}")
    write_json(given.out, {"machine": machine.describe(), "settings": asdict(settings), "data": prepared.facts,
                           "banks": records})  # fmt: skip
    sys.stdout.write(table_of(records) + "\n")


if __name__ == "__main__":
    with shown(Terminal()):
        main()
