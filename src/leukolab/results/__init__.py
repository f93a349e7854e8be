"""From the predictions of a run to its members, scores, answers and the model it offers; owns the run folder."""

from leukolab.results.folder import RunFolder
from leukolab.results.members import Member
from leukolab.results.wen import wen_mix, wen_weights

__all__ = ["Member", "RunFolder", "wen_mix", "wen_weights"]
