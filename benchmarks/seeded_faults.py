"""Ten faults laid into the program, one at a time: does a test catch each?

    python benchmarks/seeded_faults.py [NAME...]

Each fault is one exchange of text in a copy of the sources. The tests that should catch it are run on the copy, first
as it is (they must pass), then with the fault (one must fail). Exit code 1 where a fault is not caught.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FAILED = 1
"""Exit code of pytest where tests ran and one failed."""


@dataclass(frozen=True)
class Fault:
    """One fault: in `file` below `src/leukolab`, `right` becomes `wrong`; `tests` should notice."""

    name: str
    file: str
    right: str
    wrong: str
    tests: tuple[str, ...]


FAULTS = (
    Fault(
        "labels stand beside other images",
        "study/jobs.py",
        '"label": material.labels[rows],',
        '"label": material.labels[rows][::-1],',
        ("tests/study/test_run.py::test_labels_beside_predictions_are_those_of_the_images",),
    ),
    Fault(
        "probabilities of the two classes are exchanged",
        "engine/output.py",
        "torch.cat([1 - ones, ones], dim=1)",
        "torch.cat([ones, 1 - ones], dim=1)",
        ("tests/engine/test_output.py",),
    ),
    Fault(
        "weights of ensembles are measured on the test part",
        "results/ensembles.py",
        "weighed = scores_of(models, predictions, weights_on)",
        'weighed = scores_of(models, predictions, "test")',
        ("tests/results/test_ensembles.py",),
    ),
    Fault(
        "what is offered is chosen on the test part",
        "results/choice.py",
        "role = rule_of(results, protocol, outer).champion_on",
        'role = "test"',
        ("tests/study/test_scores.py",),
    ),
    Fault(
        "a probability of exactly 0.5 is class 0",
        "stats/classes.py",
        "y_prob[:, self.positive] >= 0.5",
        "y_prob[:, self.positive] > 0.5",
        ("tests/contracts/test_metrics.py", "tests/results/test_wen.py"),
    ),
    Fault(
        "by subject weighs images",
        "stats/weights.py",
        "return np.asarray(copies / np.bincount(codes, weights=copies)[codes])",
        "return copies",
        ("tests/stats",),
    ),
    Fault(
        "the frequent class gets the high weight",
        "splits/balance.py",
        "return np.asarray(counts_k.sum() / (k * counts_k))",
        "return np.asarray(k * counts_k / counts_k.sum())",
        ("tests/splits/test_balance.py",),
    ),
    Fault(
        "tuning images train too",
        "splits/shuffled.py",
        'roles = {"train": train, "validation": validation, "tuning": tuning, "test": test}\n        pieces',
        'roles = {"train": np.concatenate([train, tuning]), "validation": validation, "tuning": tuning, "test": test}\n'
        "        pieces",
        ("tests/splits",),
    ),
    Fault(
        "the last epoch is kept, not the best",
        "engine/reference.py",
        "    network.load_state_dict(kept, strict=False)\n",
        "",
        ("tests/parity/test_cached.py", "tests/engine/test_reference.py"),
    ),
    Fault(
        "equal pixels no longer tie images",
        "splits/groups.py",
        "[*twins, *near])",
        "[*near])",
        ("tests/splits/test_groups.py",),
    ),
)


def caught(fault: Fault) -> bool:
    """Whether its tests pass without the fault and fail with it.

    Raises:
        SystemExit: the tests fail without it, or cannot run.
    """
    with tempfile.TemporaryDirectory() as folder:
        sources = Path(folder) / "src"
        shutil.copytree(ROOT / "src", sources, ignore=shutil.ignore_patterns("__pycache__"))
        before = run_tests(fault, sources)
        if before:
            sys.exit(f"{fault.name}: expected its tests to pass without the fault, they ended with code {before}.")
        lay(fault, sources)
        return run_tests(fault, sources) == FAILED


def lay(fault: Fault, sources: Path) -> None:
    """Lay the fault into a copy of the sources.

    Raises:
        SystemExit: the text it changes does not stand there exactly once.
    """
    path = sources / "leukolab" / fault.file
    text = path.read_text(encoding="utf-8")
    if text.count(fault.right) != 1:
        sys.exit(f"{fault.name}: expected its text once in {fault.file}, found it {text.count(fault.right)} times.")
    path.write_text(text.replace(fault.right, fault.wrong), encoding="utf-8")


def run_tests(fault: Fault, sources: Path) -> int:
    """Exit code of the tests of a fault on these sources."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-m", "not slow", "-p", "no:cacheprovider", *fault.tests]
    environment = os.environ | {"PYTHONPATH": str(sources), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False).returncode


def main(names: list[str]) -> int:
    """Lay every fault, or those named; say which were caught."""
    missed = 0
    for fault in FAULTS:
        if names and fault.name not in names:
            continue
        found = caught(fault)
        missed += not found
        sys.stdout.write(f"{'caught' if found else 'MISSED'}  {fault.name}  ({fault.file})\n")
        sys.stdout.flush()
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
