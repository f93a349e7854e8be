"""The methods that are shipped, one declarative file each in `designs/`, and methods in files of a user's own."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

from leukolab.base.errors import SpecError, nearest
from leukolab.methods.boosters import check_installed
from leukolab.spec import AnyMethod, JointSpec, MethodSpec, method_names
from leukolab.spec.read import parse_settings
from leukolab.spec.yaml_text import from_yaml, read_yaml


def load_method(name_or_path: str | Path, within: tuple[str, ...] = ()) -> AnyMethod:
    """The method of that name, or of that YAML file; those it is made `among` are read with it.

    Args:
        name_or_path: a file named in another is looked for beside that.
        within: methods that are being read, none of which may be met again.

    Raises:
        SpecError: unknown name, or a setting that may not be.
        MissingExtraError: it learns with a package that is not installed.
    """
    text, path = str(name_or_path), Path(name_or_path)
    if text in within:
        raise SpecError(f"method {within[0]}: among: expected other methods, found '{text}' inside itself.")
    if text in method_names():
        raw = from_yaml((resources.files("leukolab.methods") / "designs" / f"{text}.yaml").read_text(encoding="utf-8"))
    elif path.suffix in (".yaml", ".yml"):
        raw = read_yaml(path)
    else:
        raise SpecError(f"methods: '{text}' is not known. {nearest(text, method_names())}", settings=("methods",))
    if not isinstance(raw, dict):
        raise SpecError(f"{path}: expected a mapping of settings, found {type(raw).__name__}.")
    if "among" not in raw:
        single = parse_settings(MethodSpec, raw, f"method {path.stem}")
        check_installed(single.learner)
        return single
    names = raw["among"] if isinstance(raw["among"], list) else [raw["among"]]
    read = [load_method(_beside(path, str(one)), (*within, text)).model_dump() for one in names]
    shared = {key: raw.pop(key) for key in ("also", "also_weight") if key in raw}
    for one in read:
        _give(one, shared)
    return parse_settings(JointSpec, raw | {"among": read}, f"method {path.stem}")


def _give(method: dict[str, Any], settings: dict[str, Any]) -> None:
    """Settings of a joint method to each single one that it is made of."""
    if "among" not in method:
        method |= settings
    for one in method.get("among", ()):
        _give(one, settings)


def _beside(path: Path, name: str) -> str:
    return str(path.parent / name) if name.endswith((".yaml", ".yml")) else name
