"""Which classes are the disease: as set, as the card says, or as unmistakable names say; never by their order."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from leukolab.base.errors import DataError, SpecError, nearest
from leukolab.base.signs import obeyed
from leukolab.cards.card import Card
from leukolab.cards.meaning import DISEASE, HEALTHY, meaning
from leukolab.spec import DataSpec

SETTING, CARD, NAME, NOBODY = "setting", "card", "name", "nobody"
"""Who decided which classes are the disease."""
MOST = 100
"""Classes of a data set; tables of confusions grow with their square."""


@dataclass(frozen=True)
class Classes:
    """The classes of some images, and which of them are the disease."""

    names: tuple[str, ...]
    """In the order of their labels, from 0; those of the disease come last."""
    positive: tuple[str, ...]
    """The classes of the disease; empty where nobody says which they are."""
    decided_by: str
    """`setting`, `card`, `name`, or `nobody`."""

    @property
    def positive_class(self) -> str | None:
        """Of two classes the one that sensitivity, F1 and AUC speak of, label 1; None where there are more."""
        return self.positive[0] if len(self.names) == 2 and self.positive else None

    @property
    def negative(self) -> tuple[str, ...]:
        """The classes without the disease; empty where nobody says which they are."""
        return tuple(name for name in self.names if name not in self.positive) if self.positive else ()

    def check_decided(self) -> None:
        """Refuse two classes of which nobody says which one is the disease.

        Raises:
            SpecError: both ways to say it are named.
        """
        if len(self.names) == 2 and not self.positive:
            shown = " and ".join(f"'{name}'" for name in self.names)
            ways = " or ".join(f"data.positive={shlex.quote(name)}" for name in self.names)
            raise SpecError(
                f"data.positive: expected two classes of which one is the disease, found {shown}, whose names do not "
                f"tell which. Set {ways}.",
                settings=("data.positive",),
            )


def classes_of(names: Sequence[str], spec: DataSpec, card: Card) -> Classes:
    """The classes `names` of the data set of `card`, read as `spec` says.

    Args:
        names: of the classes, in any order; it is kept among those of the disease and among the others.

    Raises:
        SpecError: `data.positive` names a class that is not there, or every class.
    """
    said = card.views[spec.view].positive if spec.view else card.positive
    return classes_said(names, spec.positive_names, said)


def classes_said(names: Sequence[str], positive: Sequence[str] = (), known: Sequence[str] = ()) -> Classes:
    """The classes `names`, of which `positive` are the disease; else those that are `known`, else what names say.

    Raises:
        SpecError: `positive` names a class that is not there, or every class.
    """
    _check_names(names)
    for decided_by, found in (
        (SETTING, _as_set(names, positive)),
        (CARD, _known(names, known)),
        (NAME, positive_by_name(names)),
    ):
        if found:
            ill = tuple(name for name in names if name in found)
            return Classes((*(name for name in names if name not in found), *ill), ill, decided_by)
    return Classes(tuple(names), (), NOBODY)


def _check_names(names: Sequence[str]) -> None:
    """Refuse what no table or figure can show.

    Raises:
        DataError: there are too many classes, or a name holds control characters.
    """
    if len(names) > MOST:
        raise DataError(
            f"expected at most {MOST} classes, found {len(names):,}, such as '{names[0]}' and '{names[1]}'. Where "
            "these are subjects, say so by data.subject_from.",
            settings=("data.subject_from",),
        )
    wrong = next((name for name in names if obeyed(name)), None)
    if wrong is not None:
        raise DataError(f"class {wrong!a}: expected a name that can be shown, found control characters. Rename it.")


def positive_by_name(names: Sequence[str]) -> tuple[str, ...]:
    """The classes of the disease as their names say it; empty where they do not.

    Of two classes one must be unmistakable, and the other must not contradict it; of more every one must be.
    """
    meanings = {name: meaning(name) for name in names}
    ill = tuple(name for name, said in meanings.items() if said == DISEASE)
    well = tuple(name for name, said in meanings.items() if said == HEALTHY)
    if len(names) == 2:
        if len(ill) == 2 or len(well) == 2:
            return ()
        return ill or tuple(name for name in names if well and name not in well)
    return ill if ill and well and len(ill) + len(well) == len(names) else ()


def _as_set(names: Sequence[str], positive: Sequence[str]) -> tuple[str, ...]:
    found = tuple(_named(wanted, names) for wanted in positive)
    if found and len(set(found)) == len(names):
        raise SpecError(
            f"data.positive: expected a class without the disease beside those with it, got every class "
            f"({', '.join(found)}). Leave the healthy ones out.",
            settings=("data.positive",),
        )
    return found


def _named(wanted: str, names: Sequence[str]) -> str:
    """The class of that name; in any case where no other differs from it in the case alone."""
    alike = [name for name in names if name.casefold() == wanted.casefold()]
    if wanted not in names and len(alike) != 1:
        raise SpecError(
            f"data.positive: expected one of the classes {', '.join(names)}, got '{wanted}'. {nearest(wanted, names)}",
            settings=("data.positive",),
        )
    return wanted if wanted in names else alike[0]


def _known(names: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    found = tuple(name for name in names if name in known)
    return found if len(found) < len(names) else ()
