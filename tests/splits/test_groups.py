import pandas as pd

from leukolab.splits import groups_fingerprint, identity_groups, index_fingerprint, subjects_known


def index(*rows):
    return pd.DataFrame(rows, columns=["image_id", "label", "subject", "pixel_digest"])


def test_subjects_that_share_a_twin_are_one_group():
    table = index(
        ("a1", 1, "51", "x"), ("a2", 1, "78", "x"), ("a3", 1, "78", "y"), ("a4", 1, "75", "y"), ("b", 0, "H1", "z")
    )
    groups = identity_groups(table)
    assert groups["group"].tolist() == ["51+75+78"] * 4 + ["H1"]
    assert set(groups["reason"]) == {"subject"}


def test_without_subjects_twins_stay_together_and_others_stand_alone():
    groups = identity_groups(index(("b", 0, None, "x"), ("a", 0, None, "x"), ("c", 1, None, "y")))
    assert groups["group"].tolist() == ["a", "a", "c"]
    assert groups["reason"].tolist() == ["twin", "twin", "image"]


def test_a_nameless_twin_joins_the_subject():
    groups = identity_groups(index(("a", 0, "S", "x"), ("b", 0, None, "x")))
    assert groups["group"].tolist() == ["S", "S"]
    assert groups["reason"].tolist() == ["subject", "twin"]


def test_columns_may_be_missing():
    groups = identity_groups(pd.DataFrame({"image_id": ["a", "b"], "label": [0, 1]}))
    assert groups["group"].tolist() == ["a", "b"]


def test_fingerprints_ignore_the_order_of_rows_and_see_a_change():
    table = index(("a", 0, "S", "x"), ("b", 1, "T", "y"))
    turned = table.iloc[::-1].reset_index(drop=True)
    assert groups_fingerprint(identity_groups(table)) == groups_fingerprint(identity_groups(turned))
    assert index_fingerprint(table) == index_fingerprint(turned)
    assert index_fingerprint(table) != index_fingerprint(table.assign(label=1))
    merged = identity_groups(table.assign(pixel_digest="x"))
    assert groups_fingerprint(merged) != groups_fingerprint(identity_groups(table))


def test_subjects_are_known_only_where_every_image_has_one():
    assert subjects_known(index(("a", 0, "S", "x")))
    assert not subjects_known(index(("a", 0, "S", "x"), ("b", 0, None, "y")))
    assert not subjects_known(pd.DataFrame({"image_id": ["a"]}))


def pairs(*rows, columns=("image_id", "other_id", "kind", "score")):
    return pd.DataFrame(rows, columns=list(columns))


def test_a_pair_that_was_found_merges_its_subjects():
    table = index(("a", 1, "43", "x"), ("b", 1, "44", "y"), ("c", 0, "H1", "z"))
    found = pairs(("b", "a", "near_twin", 0.8), ("a", "elsewhere", "near_twin", 0.9), ("c", "c", "near_twin", 1.0))
    groups = identity_groups(table, pairs=found)
    assert groups["group"].tolist() == ["43+44", "43+44", "H1"]
    assert set(groups["reason"]) == {"subject"}


def test_the_reason_tells_equal_pixels_from_likeness():
    table = index(*((name, 0, None, name) for name in "abcdef"))
    found = pairs(("a", "b", "flipped", 1.0), ("b", "c", "near_field", 0.9), ("d", "e", "near_twin", 0.75))
    groups = identity_groups(table, pairs=found)
    assert groups["group"].tolist() == ["a", "a", "a", "d", "d", "f"]
    assert groups["reason"].tolist() == ["twin", "twin", "near_twin", "near_twin", "near_twin", "image"]


def test_a_pair_called_different_merges_nothing_though_its_pixels_be_equal():
    table = index(("a", 0, "S", "x"), ("b", 0, "T", "x"), ("c", 0, "U", "x"), ("d", 0, "V", "y"))
    columns = ("image_id", "other_id", "kind", "score", "verdict")
    found = pairs(
        ("b", "a", "identical_pixels", 1.0, "different"), ("d", "c", "near_twin", 0.8, "different"), columns=columns
    )
    assert identity_groups(table, pairs=found)["group"].tolist() == ["S+T+U", "S+T+U", "S+T+U", "V"]
    more = pairs(*found.itertuples(index=False), ("a", "c", "near_twin", 0.8, "different"), columns=columns)
    assert identity_groups(table, pairs=more)["group"].tolist() == ["S", "T+U", "T+U", "V"]
    assert identity_groups(table, pairs=more.assign(verdict="same"))["group"].tolist() == ["S+T+U+V"] * 4


def test_same_person_holds_whatever_a_pair_is_called():
    table = index(("a", 0, "S", "x"), ("b", 0, "T", "y"))
    columns = ("image_id", "other_id", "kind", "score", "verdict")
    struck = pairs(("a", "b", "near_twin", 0.8, "different"), columns=columns)
    assert identity_groups(table, [("S", "T")], struck)["group"].tolist() == ["S+T"] * 2
