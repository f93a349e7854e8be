"""Metrics, intervals, curves, hypotheses: what a prediction is worth."""

from leukolab.stats.classes import ClassScheme, calls, check_predictions
from leukolab.stats.curves import classification_report, confusion, pr_points, roc_points
from leukolab.stats.hypotheses import (
    BalancedAccuracyDraws,
    HypothesisMembers,
    answer_hypotheses,
    balanced_accuracy_draws,
)
from leukolab.stats.intervals import Replicates, make_replicates, mean_score_table, score_table, scores
from leukolab.stats.metrics import METRICS, Metric
from leukolab.stats.weights import effective_subjects, image_weights, subject_weights

__all__ = [
    "METRICS",
    "BalancedAccuracyDraws",
    "ClassScheme",
    "HypothesisMembers",
    "Metric",
    "Replicates",
    "answer_hypotheses",
    "balanced_accuracy_draws",
    "calls",
    "check_predictions",
    "classification_report",
    "confusion",
    "effective_subjects",
    "image_weights",
    "make_replicates",
    "mean_score_table",
    "pr_points",
    "roc_points",
    "score_table",
    "scores",
    "subject_weights",
]
