"""The section on changed images: there where a run was scored on some, in both languages, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from leukolab.images.shifts import AS_THEY_ARE
from leukolab.report.page import write_report
from leukolab.results.folder import RunFolder
from leukolab.results.predictions import Results, read_results
from leukolab.study.shift_scores import chosen_of_parts, shift_scores, standing_for
from pages import Reported
from small_runs import SmallRun


def blurred(results: Results, kinds: dict[str, tuple[float, ...]]) -> pd.DataFrame:
    """The run's own predictions, pulled towards a guess by the strength of each change."""
    tables = []
    for member in chosen_of_parts(results):
        for kind, strength in [(kind, one) for kind, strengths in kinds.items() for one in strengths]:
            for method, own in standing_for(results, member).items():
                scored, share = results.scored(own, "test"), min(1.0, abs(strength))
                probs_nk = scored.probs_nk * (1 - share) + share / scored.probs_nk.shape[1]
                facts = {"kind": kind, "strength": strength, "method": method, "outer": member.outer}
                names = {"image_id": results.image_ids(own, "test"), "label": scored.labels_n}
                numbers = {f"p_{k}": probs_nk[:, k] for k in range(probs_nk.shape[1])}
                tables.append(pd.DataFrame(facts | names | numbers))
    return pd.concat(tables, ignore_index=True)


def test_nothing_stands_there_of_a_run_that_nobody_asked(mixing: Reported) -> None:
    assert 'id="shifts"' not in mixing.path.read_text(encoding="utf-8")


@pytest.mark.parametrize(("kind", "language"), [("pooled", "en"), ("mixing", "id"), ("reading", "id")])
def test_curves_stand_in_the_report_where_they_are(
    kind: str, language: str, copied: Callable[..., RunFolder], request: pytest.FixtureRequest
) -> None:
    small: SmallRun = request.getfixturevalue(f"{kind}_run")
    folder = copied(small, "used")
    results = read_results(folder)
    kinds = {AS_THEY_ARE: (0.0,), "colour": (0.5, 1.0), "stain": (-0.4, 0.4)}
    table = shift_scores(results, chosen_of_parts(results), blurred(results, kinds))
    assert table.loc[table["kind"] == AS_THEY_ARE, "apart"].max() == pytest.approx(0)
    folder.write(RunFolder.shifts, table)
    page = write_report(folder, small.picture, language=language)
    section = page.read_text(encoding="utf-8").partition('id="shifts"')[2].partition("</section>")[0]
    words = {"en": ("Less colour", "One size", "interval"), "id": ("Warna berkurang", "Satu ukuran", "interval")}
    assert words[language][0] in section
    assert words[language][1] not in section
    assert section.count("<tr") >= 1 + 1 + sum(map(len, kinds.values())) - 1
    csv = pd.read_csv(page.parent / "tables" / "shift_scores.csv")
    assert len(csv) == len(table)
    assert np.allclose(csv["value"], table["value"], equal_nan=True)
