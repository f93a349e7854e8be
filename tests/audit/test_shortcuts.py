from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from leukolab.audit import shortcuts
from leukolab.audit.shortcuts import all_classes, shortcut_features, shortcut_probe


def paths_of(root: Path) -> list[Path]:
    return sorted(root.glob("*/*.png"))


def test_cells_on_black_are_measured_and_smears_are_not(two_class: Path, four_class: Path, tmp_path: Path) -> None:
    kind, features = shortcut_features(paths_of(two_class), "two", tmp_path)
    assert (kind, features.shape) == ("size_and_colour", (60, 24))
    kind, features = shortcut_features(paths_of(four_class), "four", tmp_path)
    assert (kind, features.shape) == ("colour", (72, 27))
    assert np.isfinite(features).all()


def test_statistics_are_kept_under_the_key_of_the_pixels(
    two_class: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = paths_of(two_class)[:12]
    _, first = shortcut_features(paths, "key", tmp_path)
    calls = []
    real = shortcuts.map_files
    monkeypatch.setattr(shortcuts, "map_files", lambda *given: calls.append(given) or real(*given))
    _, again = shortcut_features(paths, "key", tmp_path)
    assert (again == first).all()
    assert calls == []
    (path,) = (tmp_path / "shortcuts").iterdir()
    data = bytearray(path.read_bytes())
    data[-200:-195] = bytes(byte ^ 1 for byte in data[-200:-195])
    path.write_bytes(data)
    _, again = shortcut_features(paths, "key", tmp_path)
    assert (again == first).all(), "five flipped bytes"
    assert len(calls) == 1
    calls.clear()
    _, reversed_rows = shortcut_features(paths[::-1], "other key", tmp_path)
    assert len(calls) == 1
    assert (reversed_rows == first[::-1]).all()


def test_the_probe_sees_a_shortcut_and_counts_copies() -> None:
    rng = np.random.default_rng(1)
    labels = np.arange(120) % 3
    features = rng.normal(size=(120, 5))
    features[:, 2] += 4 * labels
    rows = np.arange(60)
    probs = shortcut_probe(features, labels, np.ones(60, np.int64), rows, 7)
    assert probs.shape == (120, 3)
    assert np.allclose(probs.sum(axis=1), 1)
    assert accuracy_score(labels[60:], probs[60:].argmax(axis=1)) > 0.9
    assert (probs == shortcut_probe(features, labels, np.ones(60, np.int64), rows, 7)).all()
    assert (probs != shortcut_probe(features, labels, np.ones(60, np.int64), rows, 8)).any()


def test_a_class_without_training_images_gets_no_probability() -> None:
    labels = np.array([0, 2] * 20 + [1] * 5)
    features = np.random.default_rng(1).normal(size=(45, 3))
    probs = shortcut_probe(features, labels, np.ones(40, np.int64), np.arange(40), 7)
    assert probs.shape == (45, 3)
    assert (probs[:, 1] == 0).all()
    assert all_classes(np.array([[0.25, 0.75]]), np.array([0, 3]), 4).tolist() == [[0.25, 0, 0, 0.75]]
