"""The two published networks at full size, from the study files as shipped."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "large_models.py"

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not SCRIPT.exists(), reason="benchmarks are not at hand")]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("large_models", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("study", "backbone", "size_px", "classes", "millions"),
    [
        ("subtypes", "tf_efficientnet_b3.aa_in1k", 224, 4, (10, 12)),
        ("wen", "tf_efficientnetv2_m.in1k", 450, 2, (52, 55)),
    ],
)
def test_a_step_and_a_prediction_of_the_published_network(
    script: ModuleType, study: str, backbone: str, size_px: int, classes: int, millions: tuple[int, int]
) -> None:
    found = script.apart(study, 2)
    assert (found["backbone"], found["size_px"]) == (backbone, size_px)
    assert millions[0] * 1e6 < found["parameters"] < millions[1] * 1e6
    assert (found["learning"] == found["parameters"]) == (study == "subtypes")
    assert math.isfinite(found["loss"])
    assert [len(row) for row in found["probabilities"]] == [classes] * 2
    assert all(sum(row) == pytest.approx(1, abs=1e-5) for row in found["probabilities"])
    assert found["step_seconds"] > 0
    assert found["peak_gib"] is None or 0.3 < found["peak_gib"] < 8
