"""What a study is: frozen models of its settings, and the only reader of YAML."""

from leukolab.spec.methods import CropSpec, LearnerSpec, MethodSpec, NetworkFeatures, ReduceSpec
from leukolab.spec.models import (
    AugmentSpec,
    BalanceSpec,
    DataSpec,
    EnsembleSpec,
    ImageSpec,
    ModelSpec,
    ProtocolSpec,
    PublishedSpec,
    ReadingSpec,
    ReportSpec,
    RuntimeSpec,
    SplitSpec,
    StageSpec,
    StudySpec,
    StudyWords,
    TrainingSpec,
)
from leukolab.spec.read import load_study, study_names

__all__ = [
    "AugmentSpec",
    "BalanceSpec",
    "CropSpec",
    "DataSpec",
    "EnsembleSpec",
    "ImageSpec",
    "LearnerSpec",
    "MethodSpec",
    "ModelSpec",
    "NetworkFeatures",
    "ProtocolSpec",
    "PublishedSpec",
    "ReadingSpec",
    "ReduceSpec",
    "ReportSpec",
    "RuntimeSpec",
    "SplitSpec",
    "StageSpec",
    "StudySpec",
    "StudyWords",
    "TrainingSpec",
    "load_study",
    "study_names",
]
