"""Recipes: the settings of a training run, read from TOML and options, checked, and written back.

Keys are the names of the fields of `TrainSettings`, in a file without sections. A relative path in
a recipe is relative to the recipe, so that the folder of a study can move; one given as an option
is relative to the working folder.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import Field, fields
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from clibd_cli.core.errors import ClibdError, UsageError
from clibd_cli.training.settings_checks import check_settings
from clibd_cli.training.settings_fields import LabelKind, Pairs, TrainSettings

__all__ = [
    "LabelKind",
    "Pairs",
    "TrainSettings",
    "read_settings",
    "recipe_values",
    "setting_fields",
    "setting_types",
    "to_toml",
]

_TOWERS = ("image_tower", "dna_tower", "text_tower")
_NO_FILE = ("model:", "new:", "pretrained:")


def setting_fields() -> dict[str, Field[Any]]:
    """The fields of `TrainSettings` by name, in order, with their metadata."""
    return {field.name: field for field in fields(TrainSettings)}


def setting_types() -> dict[str, Any]:
    """The types of the fields of `TrainSettings` by name."""
    return get_type_hints(TrainSettings)


def read_settings(path: Path | None, overrides: Mapping[str, Any] | None = None) -> TrainSettings:
    """The settings in a recipe, with `overrides` over them, checked.

    Args:
        path: the recipe (TOML); None where all is given as options.
        overrides: values by name of field, as options give them; None is "not given".

    Raises:
        ClibdError: where the recipe is no TOML, a key in it is unknown, a value of another type,
            or its values do not fit together (`settings_checks`).
        UsageError: where that is so of the options, or of the recipe with them.
    """
    values: dict[str, Any] = {}
    if path is not None:
        found = _typed(_read_toml(path), f"the recipe {path}", _as_key, ClibdError)
        values = {key: _rooted(key, value, path.parent) for key, value in found.items()}
    told = {key: value for key, value in (overrides or {}).items() if value is not None}
    options = _typed(told, "the command", _as_option, UsageError)
    settings = TrainSettings(**{**values, **options})
    try:
        check_settings(settings)
    except UsageError as error:
        if path is not None and _objection(values) == error.message:
            raise ClibdError(f"the recipe {path}: {error.message}", error.hint) from error
        raise
    return settings


def _objection(values: Mapping[str, Any]) -> str | None:
    """What is wrong with `values` by themselves."""
    try:
        check_settings(TrainSettings(**values))
    except UsageError as error:
        return error.message
    return None


def to_toml(settings: TrainSettings) -> str:
    """A recipe with every setting that has a value, that reads back as `settings`.

    Paths become absolute, since the text is written to another folder than that of its origin.
    """
    lines: list[str] = []
    group = None
    for name, field in setting_fields().items():
        value = getattr(settings, name)
        if field.metadata["group"] != group:
            group = field.metadata["group"]
            lines += ["", f"# {group}"]
        if value is not None:
            lines.append(f"{name} = {_toml_value(_rooted(name, value, Path.cwd()))}")
    return "\n".join(lines).strip() + "\n"


def recipe_values(settings: TrainSettings) -> dict[str, str]:
    """The settings that change the weights, as a recipe writes them.

    Without paths and towers: a run is told by what it reads, not by where that lies (see
    `run_state.identity_of`).
    """
    return {
        name: _toml_value(getattr(settings, name))
        for name, field in setting_fields().items()
        if field.metadata["recipe"] and getattr(settings, name) is not None
    }


def _read_toml(path: Path) -> dict[str, Any]:
    # Python 3.10 has no tomllib; tomli is the same library under its older name.
    tomllib = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        facts: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        why = error.strerror or error
        raise ClibdError(f"{path} cannot be read: {why}", "Give the recipe's path.") from error
    except (ValueError, RecursionError) as error:  # not UTF-8, or not TOML
        raise ClibdError(
            f"{path} is not TOML: {error}", "Write one `key = value` a line; text in quotes."
        ) from error
    return facts


def _as_key(name: str) -> str:
    return name


def _as_option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _typed(
    values: Mapping[str, Any],
    where: str,
    show: Callable[[str], str],
    error_type: type[ClibdError],
) -> dict[str, Any]:
    types = setting_types()
    typed = {}
    for name, value in values.items():
        if _is_section(value):
            raise _section(name, where, error_type)
        if name not in types:
            raise _unknown(name, where, error_type)
        try:
            typed[name] = _as_type(types[name], value)
        except ValueError as error:
            raise error_type(
                f"{where}: {show(name)} is {_shown(value)}, but should be {error}",
                f"{name}: {setting_fields()[name].metadata['help']}",
            ) from None
    return typed


def _is_section(value: Any) -> bool:
    """Whether TOML has a table, or several, in the place of a value."""
    return isinstance(value, dict) or (isinstance(value, list) and dict in map(type, value))


def _section(name: str, where: str, error_type: type[ClibdError]) -> ClibdError:
    return error_type(
        f"{where} has a section [{name}], but recipes have no sections",
        "Write each setting as a line `key = value`, without headings in brackets.",
    )


def _unknown(name: str, where: str, error_type: type[ClibdError]) -> ClibdError:
    close = get_close_matches(name, setting_fields(), n=3)
    meant = f"; did you mean {' or '.join(close)}?" if close else ""
    return error_type(
        f"{where} has an unknown key {name!r}{meant}", "`clibd train --help` lists all settings."
    )


def _as_type(kind: Any, value: Any) -> Any:
    """`value` as a field of type `kind` has it; a ValueError says what it should be."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _as_type(next(part for part in parts if part is not NoneType), value)
    if origin is Literal:
        if value not in parts:
            raise ValueError(f"one of {', '.join(parts)}")
        return value
    if origin is tuple:
        return _as_tuple(parts, value)
    if type(value) is int and abs(value) >= 2**63:  # no float, or no number of numpy's, any more
        raise ValueError("a smaller number")
    if kind is float and type(value) in (int, float) and math.isfinite(value):
        return float(value)
    if kind is not float and type(value) is kind:
        return value
    raise ValueError(_WORDS[kind])


def _as_tuple(parts: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    if parts[-1] is Ellipsis:
        items = [value] if isinstance(value, str) else value
        if isinstance(items, (list, tuple)) and all(isinstance(item, str) for item in items):
            return tuple(items)
        raise ValueError("a list of texts")
    if isinstance(value, (list, tuple)) and len(value) == len(parts):
        return tuple(_as_type(part, item) for part, item in zip(parts, value, strict=True))
    raise ValueError(f"a list of {len(parts)} numbers")


_WORDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _rooted(name: str, value: Any, folder: Path) -> Any:
    """`value` with its relative paths under `folder`."""
    if isinstance(value, tuple) and setting_fields()[name].metadata["path"]:
        return tuple(_root(text, folder) for text in value)
    if value and setting_fields()[name].metadata["path"]:
        return _root(value, folder)
    names_file = value and (name in _TOWERS or (name == "init_model" and _is_file(value, folder)))
    return _root(value, folder) if names_file else value


def _is_file(text: str, folder: Path) -> bool:
    # `init_model` may be the name of an installed model, which no sign tells from a file's.
    return (folder / text).exists() or "/" in text or "\\" in text


def _root(text: str, folder: Path) -> str:
    if text in ("", "-") or text.startswith(_NO_FILE):
        return text
    # Without `..`, so that one file has one name; links are left as they are.
    return os.path.normpath(folder / Path(text).expanduser())


def _toml_value(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml_value, value))}]"
    # JSON's strings and numbers are TOML's, but for DEL, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
