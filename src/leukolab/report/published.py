"""Figures the two studies and works on the same data have published; shown beside a run, never mixed in.

A run's own numbers stand beside these only where it used the same data set.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

SUBTYPES_CARD = "all_subtypes"
WEN_CARD = "cnmc2019"

SUBTYPES_TEST_ACCURACY = 0.975
"""Accuracy on 280 test images (273 right), N. P. D. Agustina, Tabel 3."""


def is_papers_data(data: Mapping[str, Any]) -> bool:
    """Whether the settings `data` of a study name the images of the four-class paper, in its four classes."""
    return data.get("card") == SUBTYPES_CARD and data.get("view") is None


SUBTYPES_PARTS = pd.DataFrame(
    {
        "role": ["train", "validation", "test"],
        "loss": [0.1396, 0.0773, 0.1093],
        "accuracy": [0.9625, 0.9857, 0.9750],
    }
)
"""Tabel 3 of the paper."""

HONEST_CNMC = pd.DataFrame(
    [
        ("Pan et al. 2019, winner of the challenge", "final", "weighted F1 0.910 (preliminary 0.925)"),
        ("Prellberg and Kramer 2019, SE-ResNeXt", "final", "weighted F1 0.889"),
        ("Mondal et al. 2021, WEN by kappa", "preliminary", "weighted F1 0.886, balanced accuracy 0.862, AUC 0.941"),
        ("Marzahl et al. 2019, ResNet18 with attention", "final", "weighted F1 0.828 (preliminary 0.875)"),
        ("Albzour 2026, EfficientNet-B1", "preliminary", "AUC 0.913, sensitivity 0.87, specificity 0.80"),
    ],
    columns=["work", "part", "score"],
)
"""Scores on subjects nobody had trained on."""
