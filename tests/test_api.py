"""What `import leukolab` offers, where it is more than a call of a room."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from leukolab.api import audit_data, evaluate, make_split, open_run, read_index
from leukolab.base.errors import SpecError
from leukolab.base.home import Home
from small_runs import SmallRun


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"kind": "kfolds"}, r"^make_split: kind: input should be 'holdout', 'kfold', .* got 'kfolds'\.$"),
        ({"outr": 5}, r"^make_split: outr: this setting is not known\. Did you mean 'outer'\?$"),
        ({"outer": 2}, r"^make_split: outer: 'kfold' needs at least 3 parts, got 2\.$"),
        ({"test": 2}, r"^make_split: test: input should be less than 1, got 2\.$"),
    ],
)
def test_settings_of_a_split_that_may_not_be_are_one_sentence(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        make_split(pd.DataFrame({"image_id": ["a"], "label": [0]}), **settings)


def test_images_are_read_with_every_setting_of_the_command(four_class: Path) -> None:
    whole = read_index("folder", four_class)
    some = read_index("folder", four_class, exclude="early", positive=("pre", "pro"))
    assert sorted(some["class_name"].unique()) == ["benign", "pre", "pro"]
    assert len(some) < len(whole)
    with pytest.raises(SpecError, match=r"^read_index: positiv: this setting is not known\. Did you mean 'positive'"):
        read_index("folder", four_class, positiv="pre")


def test_a_notebook_says_in_words_how_intervals_were_made(mixing_run: SmallRun) -> None:
    shown = (
        open_run(mixing_run.folder.path)._repr_html_(),
        evaluate([0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]], bootstrap=100)._repr_html_(),
    )
    assert "Bayesian bootstrap over" in shown[0]
    assert "no interval, because subjects are not known" in shown[1]
    for html in shown:
        assert "<th>interval</th>" in html
        assert "interval." not in html
        assert "..." not in html


def test_a_split_takes_the_groups_of_an_audit_and_says_what_was_searched(four_class: Path, home: Home) -> None:
    found = audit_data("folder", four_class, subject_from="(S[0-9]+)_", home=home)
    split = make_split(found.index, outer=3, groups=found.groups, searched=found.searched)
    assert (split.attrs["leakage"], split.attrs["searched"]) == ("none", list(found.searched))
    joined = split.merge(found.groups, on="image_id")
    assert (joined.groupby(["outer", "fold", "group"])["role"].nunique() == 1).all()
    assert make_split(found.index, outer=3).attrs["leakage"] == "not-searched"


def test_pairs_keep_their_images_on_one_side(four_class: Path, home: Home) -> None:
    index = audit_data("folder", four_class, subject_from="(S[0-9]+)_", home=home).index
    pair = ["benign/S001_0001.png", "benign/S005_0001.png"]
    pairs = pd.DataFrame([[*pair, "near_twin", 0.9]], columns=["image_id", "other_id", "kind", "score"])
    for seed in range(5):
        split = make_split(index, seed, outer=3, pairs=pairs)
        roles = split[split["image_id"].isin(pair)].groupby(["outer", "fold"])["role"].nunique()
        assert (roles == 1).all()


def test_images_are_read_as_on_the_command_line(four_class: Path, home: Home) -> None:
    reading = {"part_from": "_0*([0-9]+)[.]", "exclude": ["*_0002.*"], "subject_from": "(S[0-9]+)_"}
    index = read_index("folder", four_class, **reading)
    parts = set(index["part"])
    assert parts
    assert "2" not in parts
    assert index["subject"].notna().all()
    audited = audit_data("folder", four_class, home=home, **reading).index
    assert list(audited["image_id"]) == list(index["image_id"])
    with pytest.raises(SpecError, match=r"^read_index: subjects_from: .* Did you mean 'subject_from'\?$"):
        read_index("folder", four_class, subjects_from="(S[0-9]+)_")
