"""What a start costs and imports, seen from a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys
import time

import click
import pytest

from leukolab.cli.table import COMMANDS, table

HEAVY = (
    "torch", "torchvision", "timm", "ray", "mlflow", "optuna", "scipy", "pandas", "sklearn", "matplotlib", "numpy",
    "pyarrow",
)  # fmt: skip
SECONDS = 0.5


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)


def commands() -> list[list[str]]:
    """Every command and group, as typed."""

    def walk(path: list[str], command: click.Command) -> list[list[str]]:
        found = [path]
        if isinstance(command, click.Group):
            for name in command.list_commands(click.Context(command)):
                inner = command.get_command(click.Context(command), name)
                assert inner is not None
                found += walk([*path, name], inner)
        return found

    return walk([], table)


def test_no_help_imports_anything_heavy() -> None:
    asked = [[*path, "--help"] for path in commands()]
    code = f"""
import sys
from leukolab.cli import main
for arguments in {asked!r}:
    try:
        main(arguments)
    except SystemExit as stop:
        assert stop.code == 0
loaded = {{name.partition(".")[0] for name in sys.modules}}
print(sorted(loaded & set({HEAVY!r})), file=sys.stderr)
"""
    found = python(code)
    assert found.stderr.strip() == "[]"
    assert "Research use only." in found.stdout
    assert all(f"Usage: leukolab {name} " in found.stdout for name in COMMANDS)


def test_help_answers_in_half_a_second() -> None:
    """The best of several, and of processor time where the machine is busy with other work."""
    code = "import time; from leukolab.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    code += "import sys; print(time.process_time(), file=sys.stderr)"
    best = min(_measured(code) for _ in range(3))
    assert best < SECONDS


def _measured(code: str) -> float:
    started = time.perf_counter()
    found = python(code)
    return min(time.perf_counter() - started, float(found.stderr.strip().splitlines()[-1]))


WITHOUT_TORCH = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision", "timm", "safetensors"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
from leukolab.cli import main
for arguments in %r:
    try:
        main(arguments)
    except SystemExit as stop:
        print("exit", stop.code)
"""


def test_every_help_works_without_torch() -> None:
    asked = [[*path, "--help"] for path in commands()]
    assert len(asked) > 10
    found = python(WITHOUT_TORCH % asked)
    assert found.stdout.count("exit 0") == len(asked), found.stderr
    assert found.stderr == ""


def test_what_needs_torch_says_so_in_one_sentence(tmp_path: object) -> None:
    asked = [
        ["study", "run", "demo", "--data", "x", "--out", f"{tmp_path}/out"],
        ["predict", __file__, "--run", f"{tmp_path}/out"],
    ]
    found = python(WITHOUT_TORCH % asked)
    assert found.stdout.split() == ["exit", "2"] * len(asked)
    lines = found.stderr.strip().splitlines()
    assert len(lines) == len(asked)
    for line in lines:
        assert line.startswith("leukolab: this command needs ")
        assert 'pip install "leukolab[study]"' in line


@pytest.mark.parametrize("arguments", [["data", "list"], ["study", "list"], ["data", "show", "cnmc2019"]])
def test_what_needs_no_torch_works_without(arguments: list[str]) -> None:
    found = python(WITHOUT_TORCH % [arguments])
    assert found.stdout.strip().endswith("exit 0"), found.stderr


def test_another_missing_module_is_a_bug_and_keeps_its_traceback() -> None:
    code = WITHOUT_TORCH.replace('("torch", "torchvision", "timm", "safetensors")', '("yaml",)') % [["study", "list"]]
    found = python(code)
    assert found.returncode == 1
    assert "Traceback" in found.stderr
