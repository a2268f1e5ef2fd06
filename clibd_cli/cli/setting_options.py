"""Options made from the fields of `TrainSettings`, so that a setting is explained in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field
from inspect import Parameter
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import typer
from typer.core import TyperCommand

from clibd_cli.core.errors import UsageError
from clibd_cli.training.settings import setting_fields, setting_types

OTHERS = "Options"


class SectionedCommand(TyperCommand):
    """A command whose plain help lists its options under the headings of their groups."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments, then the options by heading, in the order of their first."""
        sections: dict[str, list[Any]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                argument = parameter.param_type_name == "argument"
                heading = getattr(parameter, "rich_help_panel", None) or OTHERS
                sections.setdefault("Arguments" if argument else heading, []).append(record)
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records)


def setting_parameters() -> list[Parameter]:
    """A keyword for each setting, None where the option is not given, as Typer reads them."""
    kinds = setting_types()
    return [
        Parameter(
            name,
            Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[_typer_type(kinds[name]), _option(field, kinds[name])],
        )
        for name, field in setting_fields().items()
    ]


def given_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings among a command's values that were given, as `read_settings` takes them.

    Raises:
        UsageError: where a list of numbers is none.
    """
    kinds, fields = setting_types(), setting_fields()
    return {
        name: _value(name, value, kinds[name], fields[name])
        for name, value in values.items()
        if name in fields and value is not None and value != []
    }


def _option(field: Field[Any], kind: Any) -> Any:
    option = f"--{field.name.replace('_', '-')}"
    if _plain(kind) is bool:
        option += f"/--no-{field.name.replace('_', '-')}"
    text = field.metadata["help"]
    if get_origin(kind) is tuple and field.metadata["path"]:
        text += " Repeat for more."
    shown = _shown(field.default)
    if shown:
        text += f" [default: {shown}]"
    metavar = _metavar(kind, field)
    return typer.Option(
        option,
        help=text,
        metavar=metavar,
        show_default=False,
        rich_help_panel=field.metadata["group"],
    )


def _metavar(kind: Any, field: Field[Any]) -> str | None:
    if get_origin(kind) is tuple and not _is_list(kind):
        return ",".join("ABCDEFGH"[: len(get_args(kind))])
    if _is_list(kind) and not field.metadata["path"]:
        return "A,B"
    return "FILE" if field.metadata["path"] and field.name != "out" else None


def _typer_type(kind: Any) -> Any:
    if _is_list(kind):
        return list[str] | None
    if get_origin(kind) is tuple:
        return str | None
    return Union[_plain(kind), None]  # noqa: UP007 - the type is a value here


def _plain(kind: Any) -> Any:
    """`kind` without `| None`."""
    if get_origin(kind) in (Union, UnionType):
        return next(part for part in get_args(kind) if part is not NoneType)
    return kind


def _is_list(kind: Any) -> bool:
    return get_origin(kind) is tuple and get_args(kind)[-1] is Ellipsis


def _value(name: str, value: Any, kind: Any, field: Field[Any]) -> Any:
    if _is_list(kind):
        if field.metadata["path"]:
            return tuple(value)
        return tuple(part.strip() for text in value for part in text.split(",") if part.strip())
    if get_origin(kind) is tuple:
        try:
            return tuple(float(part) for part in value.split(","))
        except ValueError:
            raise UsageError(
                f"--{name.replace('_', '-')} {value} is no list of numbers",
                f"Give {len(get_args(kind))} numbers with commas between them.",
            ) from None
    return value


def _shown(default: Any) -> str:
    if default is None or default in ("", ()):
        return ""
    if isinstance(default, bool):
        return "yes" if default else "no"
    if isinstance(default, tuple):
        return ",".join(f"{number:g}" for number in default)
    return f"{default:g}" if isinstance(default, float) else str(default)
