"""Card of images of one's own."""

from __future__ import annotations

from leukolab.cards.card import Card

CARD = Card(
    name="folder",
    title="A folder of your own images",
    source="yours",
    doi="",
    licence="yours",
    class_names=(),
    parts=("images",),
    subjects_known=False,
    layout="one folder per class, or a table (CSV) with columns path, label and perhaps subject and part",
    notes=(
        "Classes are the folders' names, or the labels of the table, in sorted order, those of the disease last.",
        "The setting data.positive says which class is the disease; without it unmistakable names do, in several "
        "languages. Two classes of which nobody says it are refused.",
        "The setting data.subject_from says where a path names the subject: a pattern whose first group is the "
        "subject, searched in the relative path. data.part_from says so of parts such as train and test.",
        "data.include and data.exclude choose images by patterns such as '*_mask.*' or 'Original'.",
        "data.columns names the columns of a table that are called otherwise.",
        "Without subjects every score is an upper bound.",
    ),
    generic=True,
)
