import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leukolab.base.errors import RunError, SplitError
from leukolab.base.files import read_json, write_json
from leukolab.base.findings import Finding
from leukolab.spec import ProtocolSpec, load_study
from leukolab.splits import few_test_groups_together, identity_groups, make_split, read_split, write_split


def by_subject(subjects=40, images=(4, 20), seed=0, classes=2, twins=0):
    """Each subject has one class; `twins` pairs of images of different subjects of a class share their pixels."""
    rng = np.random.default_rng(seed)
    rows = []
    for subject in range(subjects):
        for number in range(int(rng.integers(*images))):
            name = f"s{subject:03d}_{number:03d}.png"
            rows.append(
                (name, subject % classes, f"c{subject % classes}", f"S{subject}", f"px{len(rows)}", subject % 3)
            )
    table = pd.DataFrame(rows, columns=["image_id", "label", "class_name", "subject", "pixel_digest", "official_fold"])
    for pair in range(twins):
        first = table.index[table["subject"] == f"S{2 * classes * pair}"][0]
        second = table.index[table["subject"] == f"S{2 * classes * pair + classes}"][0]
        table.loc[second, "pixel_digest"] = table.loc[first, "pixel_digest"]
    return table.assign(order=table.groupby("label").cumcount())


def nameless(per_class=(50, 99, 96, 80), twins=((0, 1), (0, 30)), two_class=False):
    """Numbered images without subjects; `twins` are (number, number) pairs inside the last class."""
    rows = []
    for label, count in enumerate(per_class):
        for number in range(count):
            rows.append((f"c{label}-{number:03d}.jpg", label, f"c{label}", None, f"px{label}-{number}", number))
    columns = ["image_id", "label", "class_name", "subject", "pixel_digest", "order"]
    table = pd.DataFrame(rows, columns=columns)
    last = len(per_class) - 1
    for first, second in twins:
        table.loc[table["image_id"] == f"c{last}-{second:03d}.jpg", "pixel_digest"] = f"px{last}-{first}"
    if two_class:
        names = np.where(table["label"] > 0, "sick", "well")
        table = table.assign(
            class_name_full=table["class_name"], class_name=names, label=(table["label"] > 0).astype(int)
        )
    return table


def protocol(**given):
    top = {key: given.pop(key) for key in ("balance", "allow_leakage") if key in given}
    return ProtocolSpec.model_validate({"stance": "corrected", "split": given, **top})


SEARCHED = ("identical_pixels", "near_twin")


def cut(index, seed=1, searched=SEARCHED, **given):
    return make_split(index, identity_groups(index), "tested", protocol(**given), seed, searched)


def joined(split, index):
    return split.table.merge(index, on="image_id").merge(identity_groups(index), on="image_id")


def crossing(split, index):
    roles = joined(split, index).groupby(["outer", "fold", "group"])["role"].nunique()
    return int((roles > 1).sum())


def codes(split):
    return [finding.code for finding in split.head.findings]


def test_published_subtypes_have_exactly_the_published_numbers():
    index = nameless((504, 985, 963, 804), twins=((0, 1),))
    spec = load_study("subtypes").protocols["published"]
    split = make_split(index, identity_groups(index), "published", spec, 2021)
    counts = joined(split, index).groupby(["outer", "role", "label"])["copies"].sum()
    for outer in range(1, 6):
        assert counts[outer, "train"].tolist() == [560] * 4
        assert counts[outer, "validation"].tolist() == [70] * 4
        assert counts[outer, "test"].tolist() == [70] * 4
    assert split.table.loc[split.table["outer"] == 1, "copies"].max() > 1
    assert split.head.leakage == "known"
    assert codes(split) == ["split.leaks_equal_images", "split.subjects_unknown"]
    first, second = (set(split.part(outer, 1, "test")["image_id"]) for outer in (1, 2))
    assert first != second


def test_wen_by_subject_follows_the_corrected_protocol():
    index = by_subject(80, twins=3)
    spec = load_study("wen").protocols["corrected"]
    split = make_split(index, identity_groups(index), "corrected", spec, 2019, SEARCHED)
    table = joined(split, index)
    assert (split.head.by, split.head.leakage) == ("group", "none")
    assert crossing(split, index) == 0
    tested = table[(table["role"] == "test") & (table["fold"] == 1)]
    assert sorted(tested["image_id"]) == sorted(index["image_id"])
    for outer in split.outers:
        own = table[table["outer"] == outer]
        assert own[own["role"] == "tuning"].groupby("fold")["image_id"].apply(frozenset).nunique() == 1
        validated = own[own["role"] == "validation"]
        assert validated["image_id"].is_unique
        trained = set(own.loc[own["role"] == "train", "image_id"])
        assert trained == set(validated["image_id"])
        tuning = own[(own["role"] == "tuning") & (own["fold"] == 1)]
        assert tuning["group"].value_counts(normalize=True).max() <= 1 / 3
        assert 0.14 < len(tuning) / len(index) < 0.18
        assert own.groupby(["fold", "role"])["label"].nunique().min() == 2


def test_few_groups_are_said_and_flagged():
    split = cut(by_subject(32), kind="nested", outer=5, folds=3, tuning=0.125)
    assert split.head.few_tuning_outer
    assert split.head.few_test_outer
    assert split.head.few_tuning_outer == (1, 2, 3, 4, 5)
    tuning, test = split.head.findings[:2]
    assert (tuning.code, test.code) == ("split.few_tuning_groups", "split.few_test_groups")
    assert tuning.values == {"limit": 5, "parts": [1, 2, 3, 4, 5], "fewest": 2}
    assert test.values == {"limit": 20, "parts": [1, 2, 3, 4, 5], "fewest": 3, "width": pytest.approx(0.38, abs=0.03)}


def test_enough_groups_are_not_flagged():
    split = cut(by_subject(240, images=(2, 4)), kind="nested", outer=5, folds=3, tuning=0.125)
    assert not split.head.few_tuning_outer
    assert not split.head.few_test_outer
    assert split.head.findings == ()


def test_parts_together_have_the_groups_of_all():
    index = by_subject(60)
    groups = identity_groups(index)["group"]
    split = cut(index, kind="nested", outer=5, folds=3, tuning=0.125)
    assert codes(split) == ["split.few_test_groups"]
    assert few_test_groups_together(index["label"], groups) is None
    fewer = (index["subject"].str[1:].astype(int) < 38).to_numpy()
    found = few_test_groups_together(index["label"][fewer], groups[fewer])
    assert found.code == "split.few_test_groups_together"
    assert found.values["fewest"] == 19


@pytest.mark.parametrize(
    ("once", "given"),
    [
        (True, {"kind": "nested", "outer": 3, "folds": 2, "tuning": 0.125}),
        (True, {"kind": "kfold", "outer": 3}),
        (True, {"kind": "kfold", "outer": 3, "by": "image", "allow_leakage": True}),
        (True, {"kind": "blocks", "outer": 5}),
        (True, {"kind": "official"}),
        (False, {"kind": "holdout", "outer": 5, "test": 0.2}),
        (False, {"kind": "holdout", "test": 0.2}),
        (False, {"kind": "holdout_kfold", "folds": 3, "test": 0.2}),
    ],
)
def test_which_splits_test_every_image_once(once, given):
    index = nameless(twins=()) if given["kind"] == "blocks" else by_subject(40)
    split = cut(index, **given)
    assert split.tests_once == once
    tested = split.table[(split.table["role"] == "test") & (split.table["fold"] == 1)]["image_id"]
    assert (sorted(tested) == sorted(index["image_id"])) == once


def test_a_class_with_fewer_groups_than_folds_is_refused():
    with pytest.raises(SplitError, match=r"at least 5 groups \(subjects\) of class 'c0' for 5 parts, found 4"):
        cut(by_subject(8), kind="nested", outer=5, folds=3, tuning=0.125)


def test_a_tuning_part_that_one_group_fills_is_said():
    split = cut(by_subject(24), kind="nested", outer=3, folds=2, tuning=0.1)
    assert "split.large_groups" in codes(split)


def test_blocks_are_neighbours_and_crossing_twins_leave_training():
    index = nameless(twins=((0, 1), (0, 70)))
    split = cut(index, kind="blocks", outer=10, balance={"when": "in_training", "per_class": 60})
    table = joined(split, index)
    assert (split.head.by, split.head.leakage) == ("block", "subjects-unknown")
    assert crossing(split, index) == 0
    assert "split.dropped_twins" in codes(split)
    tested = table[table["role"] == "test"]
    assert sorted(tested["image_id"]) == sorted(index["image_id"])
    assert set(table[table["role"] == "train"].groupby(["outer", "label"])["copies"].sum()) == {60}
    first = table[(table["outer"] == 9) & (table["label"] == 1)]
    assert first.groupby("role")["order"].min().drop("train").to_dict() == {"test": 80, "validation": 90, "tuning": 0}
    assert set(table.loc[table["role"] != "train", "copies"]) == {1}


def test_blocks_need_four():
    with pytest.raises(SplitError, match="at least 4 blocks"):
        cut(nameless(), kind="blocks", outer=3)


def test_nested_without_subjects_is_contiguous_in_the_original_classes():
    index = nameless(two_class=True, twins=((0, 70),))
    split = cut(index, kind="nested", by="auto", outer=5, folds=5, tuning=0.2)
    table = joined(split, index)
    parts = table[table["fold"] == 1].groupby(["outer", "role", "class_name_full"]).size()
    assert parts[1, "tuning", "c1"] == round(0.125 * (99 - parts[1, "test", "c1"]))
    assert (split.head.by, split.head.leakage) == ("block", "subjects-unknown")
    assert crossing(split, index) == 0
    for (_, fold), own in table[table["role"].isin(["test", "tuning"])].groupby(["outer", "fold"]):
        assert fold <= 5
        for _, part in own.groupby(["role", "class_name_full"]):
            assert part["order"].max() - part["order"].min() < len(part) + 1
    tested = table[(table["role"] == "test") & (table["fold"] == 1)]
    assert sorted(tested["image_id"]) == sorted(index["image_id"])


def test_holdout_kfold_by_image_leaks_and_says_so():
    index = by_subject(30)
    given = {"kind": "holdout_kfold", "by": "image", "folds": 5}
    split = cut(index, allow_leakage=True, **given)
    table = joined(split, index)
    assert split.head.leakage == "known"
    assert abs((table[table["fold"] == 1]["role"] == "test").mean() - 0.2) < 0.01
    assert table[table["role"] == "test"].groupby("fold")["image_id"].apply(frozenset).nunique() == 1
    with pytest.raises(SplitError, match="expected every identity group on one side"):
        cut(index, **given)


def test_parts_that_are_shuffled_only_do_not_keep_the_shares_of_the_classes():
    index = by_subject(60)
    given = {"kind": "holdout_kfold", "by": "image", "folds": 5}
    shares = {}
    for stratify in (True, False):
        split = cut(index, allow_leakage=True, stratify=stratify, **given)
        parts = joined(split, index).groupby(["fold", "role"])["label"]
        assert parts.size()[1, "test"] == round(0.2 * len(index))
        assert set(parts.size().xs("validation", level="role")) <= {len(index) * 4 // 25, len(index) * 4 // 25 + 1}
        shares[stratify] = float((parts.mean() - index["label"].mean()).abs().max())
    assert shares[True] < 0.01 < shares[False]
    with pytest.raises(ValueError, match="'stratify: false' goes with 'by: image', got 'by: group'"):
        protocol(kind="kfold", by="group", outer=4, stratify=False)


def test_official_folds_leak_through_twins():
    index = by_subject(30, twins=2)
    with pytest.raises(SplitError, match="allow_leakage"):
        cut(index, kind="official")
    split = cut(index, kind="official", allow_leakage=True)
    table = joined(split, index)
    assert split.head.leakage == "known"
    assert (
        table.loc[table["role"] == "test", "official_fold"] == table.loc[table["role"] == "test", "outer"] - 1
    ).all()
    assert cut(by_subject(30), kind="official").head.leakage == "none"


def test_official_needs_folds():
    with pytest.raises(SplitError, match="at least 3 official folds, found 0"):
        cut(by_subject(30).drop(columns="official_fold"), kind="official")


def test_nothing_is_called_free_of_leaks_where_near_twins_were_not_looked_for(tmp_path):
    given = {"kind": "kfold", "by": "group", "outer": 3}
    split = cut(by_subject(30), searched=("identical_bytes", "identical_pixels"), **given)
    assert split.head.leakage == "not-searched"
    assert split.head.searched == ("identical_bytes", "identical_pixels")
    near = [cut(by_subject(30), searched=(kind,), **given).head.leakage for kind in ("near_twin", "near_field")]
    assert near == ["none", "none"]
    leaky = cut(by_subject(30), searched=(), kind="kfold", by="image", outer=3, allow_leakage=True)
    assert leaky.head.leakage == "known"


def test_a_split_of_before_the_search_is_read_with_the_label_it_deserves(tmp_path):
    split = cut(by_subject(30), kind="kfold", by="group", outer=3)
    write_split(split, tmp_path)
    assert read_split(tmp_path).head == split.head
    head = read_json(tmp_path / "split.json")
    del head["searched"]
    write_json(tmp_path / "split.json", head | {"schema": 2})
    old = read_split(tmp_path).head
    assert (old.leakage, old.searched) == ("not-searched", ("identical_pixels",))


def test_a_group_of_both_classes_stays_together():
    index = by_subject(40)
    index.loc[index["subject"] == "S3", "label"] = [0, *[1] * ((index["subject"] == "S3").sum() - 1)]
    assert crossing(cut(index, kind="kfold", by="group", outer=5), index) == 0


def test_auto_without_subjects_keeps_twins_together():
    index = nameless()
    split = cut(index, kind="kfold", outer=4)
    assert (split.head.by, split.head.leakage) == ("group", "subjects-unknown")
    assert crossing(split, index) == 0


def test_block_goes_with_nested_only():
    with pytest.raises(SplitError, match="'block' goes with kind 'nested'"):
        cut(nameless(), kind="kfold", by="block", outer=4)


def test_holdout_fractions_by_group():
    index = by_subject(60)
    table = joined(cut(index, kind="holdout", by="group", test=0.2, validation=0.1, tuning=0.1), index)
    shares = table["role"].value_counts(normalize=True)
    assert abs(shares["test"] - 0.2) < 0.04
    assert abs(shares["validation"] - 0.1) < 0.04
    assert sorted(table["image_id"]) == sorted(index["image_id"])


@settings(max_examples=12, deadline=None)
@given(
    kind=st.sampled_from(["holdout", "kfold", "holdout_kfold", "nested"]),
    seed=st.integers(0, 10_000),
    twins=st.integers(0, 3),
    classes=st.integers(2, 3),
)
def test_by_group_no_group_is_ever_on_two_sides(kind, seed, twins, classes):
    index = by_subject(60, images=(1, 6), seed=seed, twins=twins, classes=classes)
    given = {"kind": kind, "by": "group", "outer": 3, "tuning": 0.2}
    if kind in ("holdout_kfold", "nested"):
        given["folds"] = 3
    split, again = cut(index, seed, **given), cut(index, seed, **given)
    assert split.table.equals(again.table)
    assert split.head == again.head
    assert crossing(split, index) == 0
    assert split.head.leakage == "none"
    table = joined(split, index)
    assert (table["copies"] == 1).all()
    for _, fold in table.groupby(["outer", "fold"]):
        assert sorted(fold["image_id"]) == sorted(index["image_id"])
        assert fold.groupby("role")["label"].nunique().min() == classes
    if kind in ("kfold", "nested"):
        tested = table[(table["role"] == "test") & (table["fold"] == 1)]
        assert sorted(tested["image_id"]) == sorted(index["image_id"])


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000), first=st.integers(0, 79), second=st.integers(0, 79), nested=st.booleans())
def test_by_block_no_twin_is_ever_on_two_sides_and_everything_is_tested_once(seed, first, second, nested):
    index = nameless(twins=((first, second),))
    given = {"kind": "nested", "folds": 3, "tuning": 0.125} if nested else {"kind": "blocks"}
    split = cut(index, seed, outer=5, **given)
    assert crossing(split, index) == 0
    tested = split.table[(split.table["role"] == "test") & (split.table["fold"] == 1)]
    assert sorted(tested["image_id"]) == sorted(index["image_id"])


@settings(max_examples=8, deadline=None)
@given(per_class=st.integers(20, 300), seed=st.integers(0, 1000))
def test_balancing_before_the_split_sums_to_the_number_asked_for(per_class, seed):
    index = nameless()
    balance = {"when": "before_split", "per_class": per_class}
    split = cut(index, seed, kind="holdout", by="image", outer=2, balance=balance, allow_leakage=True)
    sums = joined(split, index).groupby(["outer", "label"])["copies"].sum()
    assert set(sums) == {per_class}


def test_another_seed_cuts_otherwise():
    index = by_subject(40)
    first, second = (cut(index, seed, kind="kfold", by="group", outer=4).table for seed in (1, 2))
    assert not first.equals(second)


def test_a_split_survives_the_disk(tmp_path):
    split = cut(by_subject(40), kind="nested", outer=3, folds=3, tuning=0.2)
    write_split(split, tmp_path)
    back = read_split(tmp_path)
    assert back.head == split.head
    pd.testing.assert_frame_equal(back.table, split.table)
    with pytest.raises(RunError):
        read_split(tmp_path / "elsewhere")


def test_notes_of_an_older_version_are_read_as_findings(tmp_path):
    split = cut(by_subject(240, images=(2, 4)), kind="nested", outer=3, folds=3, tuning=0.2)
    write_split(split, tmp_path)
    head = read_json(tmp_path / "split.json")
    assert head.pop("findings") == []
    assert head.pop("searched") == list(SEARCHED)
    write_json(tmp_path / "split.json", head | {"schema": 1, "notes": ["A sentence."]})
    assert read_split(tmp_path).head.findings == (Finding("split.note", "info", {"note": "A sentence."}),)


def write(path, table):
    table.to_parquet(path) if path.suffix == ".parquet" else table.to_csv(path, index=False)
    return {"kind": "file", "file": str(path)}


def own_split(index):
    roles = index["subject"].map(lambda s: {0: "test", 1: "validation"}.get(int(s[1:]) // 2 % 5, "train"))
    return pd.DataFrame({"image_id": index["image_id"], "role": roles, "copies": 2})


def first_of(table):
    """The subject of the first test image, all of whose images are of one class."""
    return table.loc[table["role"] == "test", "image_id"].iloc[0].split("_")[0]


def k_folds(table):
    """Ordinary K folds in one outer part: another test part in each."""
    subjects = table["image_id"].str.split("_").str[0].str[1:].astype(int)
    turned = [
        table.assign(role=(subjects // 2 + fold).mod(5).map({0: "test", 1: "validation"}).fillna("train"), fold=fold)
        for fold in (1, 2, 3)
    ]
    return pd.concat(turned)


@pytest.mark.parametrize("folds", [1, 3])
@pytest.mark.parametrize("name", ["own.csv", "own.parquet"])
def test_a_file_of_the_users_own(tmp_path, name, folds):
    index = by_subject(40)
    table = pd.concat([own_split(index).assign(fold=fold) for fold in range(1, folds + 1)])
    split = cut(index, **write(tmp_path / name, table))
    assert split.head.leakage == "none"
    assert set(split.table["copies"]) == {2}
    assert len(split.table) == len(index) * folds


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t: t.drop(columns="role"), "expected a column 'role'"),
        (lambda t: t.assign(role="trian"), "role 'trian' is not known. Did you mean 'train'"),
        (lambda t: t.assign(image_id=["s999_000.png", *t["image_id"][1:]]), "found 1 others, such as 's999_000.png'"),
        (lambda t: t[t["role"] != "test"], "found no 'test'"),
        (lambda t: t.assign(copies=0), "row 1: copies: expected a whole number from 1 to 10,000, got 0"),
        (lambda t: t.head(0), "found none"),
        (lambda t: t.assign(fold=2), "outer 1: expected folds from 1, found the first to be 2"),
        (lambda t: t[(t["role"] != "test") | t["image_id"].str.startswith(first_of(t))], "every class in test, found"),
        (lambda t: k_folds(t), "outer 1: expected the same test part in all its folds"),
        (lambda t: pd.concat([t, t[t["role"] == "test"].assign(role="train")]), "on two"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(tmp_path, change, sentence):
    index = by_subject(40)
    with pytest.raises(SplitError, match=sentence):
        cut(index, **write(tmp_path / "own.csv", change(own_split(index))))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SplitError, match="found none"):
        cut(by_subject(40), kind="file", file=str(tmp_path / "no.csv"))
    (tmp_path / "no.csv").write_bytes(b"")
    with pytest.raises(SplitError, match="expected a CSV"):
        cut(by_subject(40), kind="file", file=str(tmp_path / "no.csv"))


def test_an_index_that_cannot_be_cut_is_refused():
    index = by_subject(10)
    groups = identity_groups(index)
    kfold = protocol(kind="kfold", outer=3)
    for wrong, sentence in [
        (index.head(0), "found none"),
        (index[index["label"] == 0], "at least two classes"),
        (pd.concat([index, index.head(1)]), "twice"),
    ]:
        with pytest.raises(SplitError, match=sentence):
            make_split(wrong, groups, "tested", kfold, 1)
    with pytest.raises(SplitError, match="expected a group for every image"):
        make_split(index, groups.head(3), "tested", kfold, 1)


def test_the_parts_of_the_data_are_the_split_where_asked_for():
    index = by_subject(60)
    parts = np.where(index["subject"].isin([f"S{n}" for n in range(12)]), "01_uji", "Train")
    split = cut(index.assign(part=parts), kind="parts", tuning=0.2, folds=3)
    table = joined(split, index.assign(part=parts))
    assert set(table.loc[table["role"] == "test", "part"]) == {"01_uji"}
    assert set(table.loc[table["role"] != "test", "part"]) == {"Train"}
    assert split.outers == (1,)
    assert set(table["role"]) == {"train", "validation", "tuning", "test"}
    assert table[table["role"] == "validation"]["image_id"].nunique() > 100
    assert crossing(split, index) == 0


def test_a_given_validation_part_validates_alone():
    index = by_subject(60).assign(part=lambda t: t["subject"].str[1:].astype(int) // 2 % 3)
    parts = index["part"].map({0: "a", 1: "b", 2: "c"})
    split = cut(index.assign(part=parts), kind="parts", part_roles={"a": "train", "b": "validation", "c": "test"})
    table = joined(split, index.assign(part=parts))
    assert table.groupby("part")["role"].unique().map(list).to_dict() == {
        "a": ["train"],
        "b": ["validation"],
        "c": ["test"],
    }


def test_given_parts_that_share_a_person_are_refused_and_twins_without_subjects_leave_training():
    index = by_subject(40)
    shared = index.assign(part=np.where(np.arange(len(index)) % 4 == 0, "test", "train"))
    with pytest.raises(SplitError, match="every identity group on one side"):
        cut(shared, kind="parts")
    nobody = nameless(twins=((0, 1), (0, 30)))
    last = nobody["label"] == 3
    nobody = nobody.assign(part=np.where((nobody["order"] < 20) & last | (nobody["order"] % 5 == 0), "test", "train"))
    split = cut(nobody, kind="parts")
    assert split.head.leakage == "subjects-unknown"
    trained = set(split.part(1, 1, "train")["image_id"]) | set(split.part(1, 1, "validation")["image_id"])
    assert "c3-000.jpg" in set(split.part(1, 1, "test")["image_id"])
    assert not {"c3-001.jpg", "c3-030.jpg"} & trained


@pytest.mark.parametrize(
    ("parts", "given", "sentence"),
    [
        (["images"], {}, "expected a part for 'train' among those of the data, found images"),
        (["train", "test", "extra"], {}, "found none for 'extra'"),
        (["train", "test"], {"trian": "train", "test": "test"}, "'trian' is no part. Did you mean 'train'"),
    ],
)
def test_parts_whose_role_is_not_known_are_refused(parts, given, sentence):
    index = by_subject(40)
    own = index["subject"].str[1:].astype(int) // 2 % len(parts)
    with pytest.raises(SplitError, match=sentence):
        cut(index.assign(part=[parts[number] for number in own]), kind="parts", part_roles=given)
