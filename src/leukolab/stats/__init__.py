"""Metrics, intervals, curves, hypotheses: what a prediction is worth."""

from leukolab.stats.classes import ClassScheme, calls, check_predictions
from leukolab.stats.comparisons import Answer, answer_together
from leukolab.stats.curves import classification_report, confusion, pr_points, roc_points
from leukolab.stats.hypotheses import HypothesisMembers, answer_hypotheses
from leukolab.stats.intervals import Replicates, make_replicates, mean_score_table, score_table, scores
from leukolab.stats.metrics import METRICS, Metric
from leukolab.stats.paired import Paired, paired_difference
from leukolab.stats.recalls import Recalls, subject_recalls
from leukolab.stats.weights import effective_subjects, image_weights, subject_weights

__all__ = [
    "METRICS",
    "Answer",
    "ClassScheme",
    "HypothesisMembers",
    "Metric",
    "Paired",
    "Recalls",
    "Replicates",
    "answer_hypotheses",
    "answer_together",
    "calls",
    "check_predictions",
    "classification_report",
    "confusion",
    "effective_subjects",
    "image_weights",
    "make_replicates",
    "mean_score_table",
    "paired_difference",
    "pr_points",
    "roc_points",
    "score_table",
    "scores",
    "subject_recalls",
    "subject_weights",
]
