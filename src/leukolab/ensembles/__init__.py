"""Weighted Ensembles of Networks and their rivals: fitted on one part, applied elsewhere."""

from leukolab.ensembles.build import (
    Ensemble,
    build_ensembles,
    ensembles_table,
    hypothesis_members,
    mixed,
    winner,
)
from leukolab.ensembles.members import Scored, champions, member_scores, ranked
from leukolab.ensembles.wen import wen_mix, wen_weights

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
