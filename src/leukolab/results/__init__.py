"""From the predictions of a run to its members, scores, answers and the model it offers; owns the run folder."""

from leukolab.results.folder import RunFolder
from leukolab.results.members import Member

__all__ = ["Member", "RunFolder"]
