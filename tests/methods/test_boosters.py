"""Boosted trees of optional packages: weighed, seeded, kept as text, the same bytes in another process."""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from leukolab.base.errors import MissingExtraError, SpecError
from leukolab.methods import Fold, Images, Learned, boosters, learn, load_method
from leukolab.methods.boosters import BOOSTERS, Boosted
from leukolab.methods.fit import Examples, fit, scores
from leukolab.methods.keep import from_file, to_bytes
from leukolab.spec import LearnerSpec, MethodSpec

SMALL = {"n_estimators": 12, "max_depth": 3, "subsample": 0.7}
INSTALLED = [
    pytest.param(name, marks=pytest.mark.skipif(not importlib.util.find_spec(one.module), reason=f"needs {one.module}"))
    for name, one in BOOSTERS.items()
]


def method(estimator: str, **parameters: object) -> MethodSpec:
    learner = LearnerSpec(estimator=estimator, parameters=SMALL | parameters)
    return load_method("hand").model_copy(update={"learner": learner, "search": {}})  # type: ignore[return-value]


def drawn(classes: int = 2, n: int = 150) -> Examples:
    rng = np.random.default_rng(5)
    labels = np.arange(n) % classes
    features = rng.normal(size=(n, 4)) + 1.5 * np.eye(4)[labels]
    return Examples(features.astype(np.float32), labels, np.ones(n))


def learned_by(estimator: str) -> tuple[Learned, Images]:
    spec, seen = method(estimator), drawn()
    images = Images({spec.features[0]: seen.features}, seen.labels, np.arange(150) // 5, 2)
    rows = np.arange(150)
    folds = [Fold(rows[rows % 3 != k], np.ones(100, np.int64), rows[rows % 3 == k]) for k in range(3)]
    return learn(spec, images, folds, 2**31 + 3), images


@pytest.mark.parametrize("estimator", INSTALLED)
@pytest.mark.parametrize("classes", [2, 3])
def test_a_booster_learns_and_its_probabilities_are_those_of_its_package(estimator: str, classes: int) -> None:
    seen = drawn(classes)
    booster = Boosted(estimator, SMALL, 7).fit(seen.features, seen.labels)
    found = booster.predict_proba(seen.features)
    assert roc_auc_score(seen.labels, found if classes > 2 else found[:, 1], multi_class="ovr") > 0.9
    package = importlib.import_module(BOOSTERS[estimator].module)
    plain = getattr(package, estimator)(**SMALL, **BOOSTERS[estimator].fixed, random_state=7)
    expected = plain.fit(seen.features, seen.labels).predict_proba(seen.features)
    assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("estimator", INSTALLED)
def test_images_without_weight_are_not_learned_from(estimator: str) -> None:
    seen = drawn()
    half = np.arange(150) < 90
    turned = np.where(half, seen.labels, 1 - seen.labels)
    lighter = Examples(seen.features, turned, np.where(half, 1.0, 1e-9))
    evenly = Examples(seen.features, turned, np.ones(150))
    right = [
        (scores(fit(method(estimator), one, 1), seen.features).argmax(axis=1) == seen.labels)[~half].mean()
        for one in (lighter, evenly)
    ]
    assert right[0] > right[1] + 0.2


@pytest.mark.parametrize("estimator", INSTALLED)
def test_it_comes_back_from_its_file_and_another_process_writes_the_same(estimator: str, tmp_path: Path) -> None:
    learned, images = learned_by(estimator)
    data = to_bytes(learned)
    (tmp_path / "method.skops").write_bytes(data)
    again = from_file(tmp_path / "method.skops")
    assert np.array_equal(again.probabilities(images.sources), learned.probabilities(images.sources))
    assert np.ptp(again.probabilities(images.sources)[:, 1]) > 0.2
    script = (
        "import sys, hashlib; sys.path.insert(0, sys.argv[1]); from test_boosters import *\n"
        "print(hashlib.sha256(to_bytes(learned_by(sys.argv[2])[0])).hexdigest())"
    )
    command = [sys.executable, "-c", script, str(Path(__file__).parent), estimator]
    other = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert other == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("estimator", INSTALLED)
@pytest.mark.parametrize(("name", "value"), [("n_estimator", 3), ("n_jobs", 2), ("random_state", 1)])
def test_parameters_that_it_has_not_or_that_are_set_here_are_refused(estimator: str, name: str, value: int) -> None:
    with pytest.raises(SpecError, match=f"{estimator} takes no '{name}' here"):
        fit(method(estimator, **{name: value}), drawn(), 1)


@pytest.mark.parametrize("estimator", BOOSTERS)
def test_without_its_package_the_extra_is_named_as_soon_as_the_file_is_read(
    estimator: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boosters, "find_spec", lambda _: None)
    path = tmp_path / "mine.yaml"
    text = "name: mine\ntitle: Mine\nfeatures: [{backbone: net, layers: [a]}]\nlearner: "
    for learner in (
        f"{{estimator: {estimator}}}",
        f"{{estimator: VotingClassifier, of: [{{estimator: {estimator}}}]}}",
    ):
        path.write_text(text + learner, encoding="utf-8")
        with pytest.raises(MissingExtraError, match=r"pip install \"leukolab\[boost\]\""):
            load_method(path)
    monkeypatch.setitem(sys.modules, BOOSTERS[estimator].module, None)
    with pytest.raises(MissingExtraError, match=f"{estimator} needs {BOOSTERS[estimator].module}"):
        fit(method(estimator), drawn(), 1)
