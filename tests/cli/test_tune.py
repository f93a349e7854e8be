"""`study tune` as a person meets it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Leukolab = Callable[..., Any]
TINY = (
    "--backbone=test_efficientnet", "--weights=none", "--image-size=48", "--epochs=1",
    "--set=protocols.corrected.split={kind: nested, outer: 3, folds: 2, tuning: 0.2}",
    "--set=readings.two_stage.stages=[{name: head, release: head, epochs: 1}]",
    "--set=runtime={device: cpu, precision: float32, threads: 1, trunk: torch, trunk_batch_size: 16}",
)  # fmt: skip
RATE = "--search=training.learning_rates=log:1e-3..1e-1"
WITHOUT_OPTUNA = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "optuna":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
from leukolab.cli import main
main(sys.argv[1:])
"""


def test_a_search_ends_with_the_command_that_runs_the_best(leukolab: Leukolab, two_class: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    tune = ["study", "tune", "demo", "--data", two_class, "--out", out, RATE, "--metric=kappa", *TINY]
    answer = leukolab(*tune, "--trials=1")
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert lines[0] == "what was read: 60 images"
    assert lines[-2] == f"trials: {out / 'trials.csv'}"
    command = f"leukolab study run {out / 'best.yaml'} --data {two_class} --out {out / 'best'}"
    assert lines[-1] == f"run the study with the best settings: {command}"
    assert "trial 1 of 1: kappa " in answer.err
    more = leukolab(*tune, "--trials=2")
    assert "trial 1 of 2" not in more.err
    assert "trial 2 of 2: kappa " in more.err
    assert leukolab(*command.split()[1:], "--dry-run").out.splitlines()[5] == "2 models, 0 of them done"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--search=model.droput=0.0..0.5"], "Did you mean 'dropout'?"),
        (["--search=model.dropout=0.0..0.5"], "this study has 3: set training.learning_rates=["),
        ([RATE, "--metric=kapa"], "Did you mean 'kappa'?"),
        ([RATE, "--sampler=anneal"], "'anneal' is not one of 'tpe', 'genetic'"),
        ([RATE, "--trials=0"], "0 is not in the range"),
        ([RATE, "--on=moon"], "moon"),
        ([], "missing option '--search'"),
    ],
)
def test_mistakes_are_told_before_anything_is_spent(
    leukolab: Leukolab, two_class: Path, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    answer = leukolab("study", "tune", "demo", "--data", two_class, "--out", tmp_path / "out", *TINY, *arguments)
    assert sentence in answer.sentence
    assert not (tmp_path / "out").exists()


def test_a_study_of_methods_alone_is_told_where_methods_search(
    leukolab: Leukolab, two_class: Path, tmp_path: Path
) -> None:
    for searched in ("--search=training.batch_size=8,16", "--search=learner.parameters.C=1,2"):
        answer = leukolab("study", "tune", "own", "--data", two_class, "--out", tmp_path / "out", searched)
        assert answer.code == 2
        assert "found methods only (own)" in answer.sentence
        assert "write 'search: {learner.parameters.C: [1, 2, 4]}' into its file" in answer.sentence
        assert not (tmp_path / "out").exists()


def test_without_optuna_a_sentence_says_what_to_install(two_class: Path, tmp_path: Path) -> None:
    arguments = ["study", "tune", "demo", f"--data={two_class}", f"--out={tmp_path / 'out'}", RATE]
    code = [sys.executable, "-c", WITHOUT_OPTUNA, *arguments]
    found = subprocess.run(code, capture_output=True, text=True, check=False)
    assert found.returncode == 2
    assert found.stderr == "leukolab: a search needs optuna: install it with 'pip install \"leukolab[tune]\"'.\n"
    assert not (tmp_path / "out").exists()
