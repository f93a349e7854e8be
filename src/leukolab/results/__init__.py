"""Weighted Ensembles of Networks and their rivals: fitted on one part, applied elsewhere."""

from leukolab.results.ensembles import (
    Ensemble,
    build_ensembles,
    ensembles_table,
    hypothesis_members,
    mixed,
    winner,
)
from leukolab.results.ranking import Scored, champions, member_scores, ranked
from leukolab.results.wen import wen_mix, wen_weights

__all__ = [
    "Ensemble",
    "Scored",
    "build_ensembles",
    "champions",
    "ensembles_table",
    "hypothesis_members",
    "member_scores",
    "mixed",
    "ranked",
    "wen_mix",
    "wen_weights",
    "winner",
]
