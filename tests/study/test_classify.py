"""A study is one YAML file: `classify`, and one of the user's own beside it, run to their reports with nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from leukolab.base.errors import SpecError
from leukolab.base.home import Home
from leukolab.results import RunFolder
from leukolab.spec import load_study
from leukolab.study.run import run_study

SMALL = (
    "image.size_px=48",
    "bootstrap=100",
    "model.backbone=test_efficientnet",
    "model.weights=none",
    "training.augment.views=1",
    "readings.two_stage.stages.0.epochs=2",
    "readings.two_stage.stages.1.epochs=1",
    "runtime={device: cpu, precision: float32, threads: 1, trunk: torch, trunk_batch_size: 16}",
)
OF_A_THESIS = ("H1", "Gambar", "Tabel 4", "EfficientNetV2-M", "thesis", "Inter-LR", "published")


@pytest.fixture(scope="module")
def page(four_class: Path, home: Home, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_study(load_study("classify", SMALL), four_class, tmp_path_factory.mktemp("classify") / "run", home)


def test_the_neutral_study_says_nothing_of_a_thesis(page: Path) -> None:
    text = re.sub(r"<(style|script|svg|pre)\b.*?</\1>|<[^>]+>", " ", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert "One network, trained and tested" in text
    assert [word for word in OF_A_THESIS if word in text] == []


def test_every_image_is_tested_once_and_the_pooled_score_leads(page: Path) -> None:
    folder = RunFolder(page.parents[1])
    pooled = folder.chosen.pooled
    assert pooled is not None
    assert pooled.images == len(folder.index)
    assert folder.answers.headline[0].code == "answer.first_unknown"
    assert folder.protocols == ("cross_validation",)


@pytest.mark.usefixtures("quick_report")
def test_a_study_of_ones_own_is_one_file_with_names_of_its_own(four_class: Path, home: Home, tmp_path: Path) -> None:
    spec = load_study("classify", SMALL).model_dump(mode="json")
    spec |= {"name": "mine", "title": "Mine", "protocol": "by_hand", "outer_parts": [2]}
    spec["protocols"] = {"by_hand": spec["protocols"]["cross_validation"]}
    spec["readings"] = {"warm": spec["readings"]["two_stage"]}
    spec["report"] |= {"primary": "accuracy", "answers": ["readings"], "sections": ["results", "scores"]}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(spec))
    run = tmp_path / "run"
    run_study(load_study(str(tmp_path / "mine.yaml")), four_class, run, home)
    folder = RunFolder(run)
    assert set(folder.jobs["protocol"]) == {"by_hand"}
    assert [finding.code for finding in folder.answers.headline] == ["answer.reading_corrected"]
    assert folder.offered().reading == "warm"


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("report.sections=[resuls]", "report.sections: 'resuls' is not known. Did you mean 'results'?"),
        ("report.answers=[paper]", "report.answers: 'paper' is not known"),
        ("report.primary=acuracy", "report.primary: 'acuracy' is not known. Did you mean 'accuracy'?"),
        ("report.limits=[one_desing]", "report.limits: 'one_desing' is not known. Did you mean 'one_design'?"),
        ("report.labels=wne", "report.labels: 'wne' is not known. Did you mean 'wen'?"),
    ],
)
def test_a_report_that_cannot_be_written_is_refused_before_training(
    setting: str, said: str, four_class: Path, home: Home, tmp_path: Path
) -> None:
    with pytest.raises(SpecError, match=re.escape(said)):
        run_study(load_study("classify", [*SMALL, setting]), four_class, tmp_path / "run", home)
    assert not (tmp_path / "run").exists()
