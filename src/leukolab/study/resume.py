"""What a run folder was begun with, however a kill, a power cut or a damaged file left it."""

from __future__ import annotations

import shlex

from leukolab.base.errors import LeukolabError, RunError
from leukolab.plan.ledger import LEDGER_FILE
from leukolab.results.folder import RunFolder
from leukolab.spec import RuntimeSpec, StudySpec, load_study


def spec_begun(run: RunFolder) -> StudySpec | None:
    """The settings the folder was begun with, from whichever of their two files is whole; None where it has none yet.

    Raises:
        RunError: both files are damaged.
    """
    if not run.has(RunFolder.SETTINGS) and not run.has(RunFolder.STUDY):
        return None
    try:
        return run.spec
    except RunError:
        try:
            return load_study(str(run.file(RunFolder.STUDY)))
        except LeukolabError as error:
            raise RunError(
                f"{run.path}: expected the settings of a run in {RunFolder.SETTINGS} and {RunFolder.STUDY}, "
                "found both damaged or lost. "
                "Delete these two files and run the same command again: the runtime is measured anew, and what does "
                "not fit it is trained again."
            ) from error


def check_folder(spec: StudySpec, run: RunFolder) -> None:
    """See that the folder is empty, or of a run of this study on this data card.

    Raises:
        RunError: it is not.
    """
    before = spec_begun(run)
    if before is None:
        if not run.has(LEDGER_FILE) and _has_files(run):
            raise RunError(
                f"{run.path}: expected an empty folder or a run of '{spec.name}', found other files. "
                "Choose another run folder.",
                settings=("run folder",),
            )
        return
    for name, ours, theirs in (
        ("study", spec.name, before.name),
        ("data card", spec.data.card, before.data.card),
    ):
        if ours != theirs:
            raise RunError(
                f"{run.path}: this folder holds a run with {name} '{theirs}', not '{ours}'. Choose another run folder.",
                settings=("run folder",),
            )


def check_images(run: RunFolder, fingerprint: str, names: tuple[str, ...]) -> None:
    """See that the run was begun on these images and classes; where that is lost, keys of jobs tell.

    Args:
        names: of the classes, in the order of their labels.

    Raises:
        RunError: it was begun on others.
    """
    try:
        before, classes = run.data.fingerprint, run.class_names
    except RunError:
        return
    if classes != names and set(classes) == set(names):
        raise RunError(
            f"{run.path}: this run was begun with the classes {', '.join(classes)}, that of the disease last, and they "
            f"are now read as {', '.join(names)}. Choose another run folder, or set "
            f"data.positive={shlex.quote(classes[-1])}.",
            settings=("run folder", "data.positive"),
        )
    if before != fingerprint:
        raise RunError(
            f"{run.path}: this run was begun on other images. Choose another run folder, or give the same data folder.",
            settings=("run folder", "data folder"),
        )


def runtime_begun(spec: StudySpec, run: RunFolder) -> RuntimeSpec:
    """The runtime this folder was begun with, and what is asked for now."""
    before = spec_begun(run)
    if before is None:
        return spec.runtime
    return before.runtime.model_copy(update=spec.runtime.model_dump(exclude_unset=True))


def forget_runtime(spec: StudySpec, run: RunFolder) -> StudySpec:
    """Let the runtime be measured again: jobs done with another stay where they are, those of the new one begin.

    Returns:
        What is asked for now. The run's own settings, given as the study, ask for nothing by what they hold already.
    """
    before = spec_begun(run)
    if before is None:
        return spec
    asked = runtime_asked(spec, run)
    run.write_settings(before.model_copy(update={"runtime": RuntimeSpec()}))
    return spec.model_copy(update={"runtime": asked})


def runtime_asked(spec: StudySpec, run: RunFolder) -> RuntimeSpec:
    """What is asked of the runtime now; the run's own settings, given as the study, ask for nothing."""
    before = spec_begun(run)
    if before is None:
        return spec.runtime
    asked, had = spec.runtime.model_dump(exclude_unset=True), before.runtime.model_dump()
    if set(asked) == set(had):
        asked = {name: value for name, value in asked.items() if value != had[name]}
    return RuntimeSpec(**asked)


def _has_files(run: RunFolder) -> bool:
    """Whether anything lies there but the lock and what a killed process was writing."""
    return run.path.is_dir() and any(not path.name.startswith(".") for path in run.path.iterdir())
