"""What jobs tell while they run."""

from __future__ import annotations

from leukolab.base.findings import Finding, findings_to_text
from leukolab.study.run import NEWS, InWords


def test_findings_that_a_job_tells_are_told_in_words(said: list[str]) -> None:
    values = {"stage": "finetune", "epoch": 3, "epochs": 50, "value": 0.9}
    news = InWords(NEWS)
    news.info("%s: %s", "fold1", findings_to_text([Finding("progress.epoch", "info", values)]))
    news.info("%s: %s", "fold1", "as it is, 100 %")
    assert said == ["fold1: finetune 3/50: validation accuracy 0.900", "fold1: as it is, 100 %"]
