"""The methods that are shipped, one declarative file each in `designs/`, and methods in files of a user's own."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from leukolab.base.errors import SpecError, nearest
from leukolab.spec import MethodSpec
from leukolab.spec.read import parse_settings
from leukolab.spec.yaml_text import from_yaml, read_yaml


def method_names() -> list[str]:
    """Names of the shipped methods."""
    folder = resources.files("leukolab.methods") / "designs"
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def load_method(name_or_path: str | Path) -> MethodSpec:
    """The method of that name, or of that YAML file.

    Raises:
        SpecError: unknown name, or a setting that may not be.
    """
    text, path = str(name_or_path), Path(name_or_path)
    if text in method_names():
        raw = from_yaml((resources.files("leukolab.methods") / "designs" / f"{text}.yaml").read_text(encoding="utf-8"))
    elif path.suffix in (".yaml", ".yml"):
        raw = read_yaml(path)
    else:
        raise SpecError(f"methods: '{text}' is not known. {nearest(text, method_names())}", settings=("methods",))
    if not isinstance(raw, dict):
        raise SpecError(f"{path}: expected a mapping of settings, found {type(raw).__name__}.")
    return parse_settings(MethodSpec, raw, f"method {path.stem}")
