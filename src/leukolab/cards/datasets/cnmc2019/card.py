"""Card of C-NMC 2019: single cells of bone-marrow smears, normal or leukaemic, with subjects.

Source: Gupta and Gupta 2019, ISBI 2019 challenge; The Cancer Imaging Archive.
"""

from __future__ import annotations

from leukolab.cards.card import Card, OfficialFiles, PublishedScore
from leukolab.cards.datasets.cnmc2019.official import official_names

OFFICIAL = OfficialFiles(
    name=r"UID_(?P<subject>[Hh]?\d+)_(?P<field>\d+)_\d+_(?P<label>all|hem)",
    suffix=".bmp",
    bytes=frozenset({608_454, 608_538, 1_080_054}),
    names=official_names,
)

CARD = Card(
    name="cnmc2019",
    title="C-NMC 2019: normal and leukaemic cells of bone-marrow smears",
    source="Gupta and Gupta 2019, ISBI 2019 C-NMC challenge, The Cancer Imaging Archive",
    doi="10.7937/tcia.2019.dc64i46r",
    licence="CC BY 3.0",
    class_names=("hem", "all"),
    positive=("all",),
    parts=("training", "preliminary", "final"),
    subjects_known=True,
    counts={
        "training": {"hem": 3389, "all": 7272},
        "preliminary": {"hem": 648, "all": 1219},
        "final": {"hidden": 2586},
    },
    layout="files UID_<subject>_<field>_<cell>_{all,hem} in any folders, such as training_data/fold_0/hem, "
    "numbered files of the other parts in folders named after them, such as C-NMC_test_prelim_phase_data or phase2, "
    "and the table of their labels; of any kind of image",
    notes=(
        "450 x 450 px, stain-normalised by the authors, cells cut out on black.",
        "106 pairs of identical images; 94 of them join two official folds, so the official folds leak.",
        "Training and preliminary parts share persons: the same picture is in both under two subjects.",
        "Many cells were cut out twice, under two subject numbers; subjects that share such cells are one person. "
        "About half of the cells were compared, so there may be more.",
        "Size alone tells much: the area of the cell has an AUC of 0.80 by subject.",
        "Labels of the final part were never published; it is read on request only.",
    ),
    official=OFFICIAL,
    same_person=(
        ("1", "15", "16", "17", "20", "21"),
        ("43", "44"),
        ("51", "55", "75", "78"),
        ("H2", "H4", "H5", "H6", "H7"),
        ("H10", "h3"),
        ("H14", "H24"),
    ),
    published_scores=(
        PublishedScore("Pan et al. 2019", "final", {"f1_weighted": "0.910"}),
        PublishedScore("Pan et al. 2019", "preliminary", {"f1_weighted": "0.925"}),
        PublishedScore("Prellberg & Kramer 2019, SE-ResNeXt", "final", {"f1_weighted": "0.889"}),
        PublishedScore(
            "Mondal et al. 2021, WEN (kappa)",
            "preliminary",
            {"f1_weighted": "0.886", "balanced_accuracy": "0.862", "auc": "0.941"},
        ),
        PublishedScore("Marzahl et al. 2019, ResNet18", "final", {"f1_weighted": "0.828"}),
        PublishedScore("Marzahl et al. 2019, ResNet18", "preliminary", {"f1_weighted": "0.875"}),
        PublishedScore(
            "Albzour 2026, EfficientNet-B1",
            "preliminary",
            {"auc": "0.913", "sensitivity": "0.87", "specificity": "0.80"},
        ),
    ),
)
