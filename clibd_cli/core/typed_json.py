"""JSON into dataclasses, each value of the type that its field says.

Whoever edits a file by hand, or a disk that fails, can put anything there: what is wrong is told
by the name of its field, and nothing else of the program meets a value that it does not expect.
"""

from __future__ import annotations

import sys
from dataclasses import is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

BAD_JSON = (ValueError, KeyError, TypeError, OverflowError, RecursionError)
"""What `json.loads`, `read_as` and a missing field raise for a file that is something else."""

_PLAIN = frozenset({str, int, float, bool})


def read_as(kind: Any, value: Any, name: str = "it") -> Any:
    """`value`, as `json.loads` gives it, as `kind`.

    Args:
        kind: a dataclass, `str`, `int`, `float`, `bool`, a `Literal`, a tuple or a dictionary of
            such, or one of these `| None`, or one of several dataclasses, told apart by their
            field `kind`.
        name: of the field, for messages.

    Raises:
        ValueError: where a value is of another type or not finite, or a field is unknown.
        TypeError: where a field without a default is missing.
    """
    if kind in _PLAIN:  # nearly all values: sooner than by the ways below
        if _is_plain(kind, value):
            return value
        raise _unlike(name, value)
    origin, parts = _shape(kind)
    if origin in (Union, UnionType):
        if value is None and NoneType in parts:
            return None
        return read_as(_alternative(parts, value), value, name)
    if is_dataclass(kind) and isinstance(value, dict):
        return _read_fields(kind, value)
    if origin is dict and isinstance(value, dict):
        of_key, of_value = parts
        return {read_as(of_key, k, name): read_as(of_value, v, name) for k, v in value.items()}
    if origin is tuple and isinstance(value, list):
        if parts[-1] is Ellipsis:
            return tuple(read_as(parts[0], one, name) for one in value)
        if len(value) != len(parts):
            raise ValueError(f"{name} has {len(value)} values instead of {len(parts)}")
        return tuple(read_as(p, v, name) for p, v in zip(parts, value, strict=True))
    if origin is Literal and value in parts:
        return value
    raise _unlike(name, value)


def _alternative(kinds: tuple[Any, ...], value: Any) -> Any:
    """The one of a union's types that `value` is meant to be: dataclasses say so by `kind`."""
    real = [kind for kind in kinds if kind is not NoneType]
    stated = value.get("kind") if isinstance(value, dict) else None
    fitting = (kind for kind in real if is_dataclass(kind) and stated in _kinds_of(kind))
    return next(fitting, real[0])


def _kinds_of(kind: Any) -> tuple[Any, ...]:
    hint = _hints(kind).get("kind")
    return (None,) if hint is None else get_args(hint)


def _read_fields(kind: Any, facts: dict[str, Any]) -> Any:
    kinds = _hints(kind)
    unknown = sorted(facts.keys() - kinds.keys())
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no field of a {kind.__name__}")
    return kind(**{name: read_as(kinds[name], value, name) for name, value in facts.items()})


def _unlike(name: str, value: Any) -> ValueError:
    return ValueError(f"{name} is {str(value)[:40]!r}")


def _is_plain(kind: Any, value: Any) -> bool:
    if kind is float:
        return type(value) in (int, float) and abs(value) <= sys.float_info.max
    return type(value) is kind


@cache
def _shape(kind: Any) -> tuple[Any, tuple[Any, ...]]:
    return get_origin(kind), get_args(kind)


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)
