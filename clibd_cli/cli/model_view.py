"""How models look on a terminal and as JSON: the table of `list`, the facts of `show`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from clibd_cli.cli.console import printable

if TYPE_CHECKING:
    from clibd_cli.models.cards import AnyDnaTower, AnyTextTower, ModelCard
    from clibd_cli.models.registry import ModelEntry

_WIDE = 120  # columns of a table that no terminal limits


def print_table(entries: list[ModelEntry]) -> None:
    """One line a model on stdout; a star marks the default."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("", "name", "state", "towers", "dim", "size", "about"):
        right = heading in ("dim", "size")
        table.add_column(heading, justify="right" if right else "left", no_wrap=heading != "about")
    for entry in entries:
        card = entry.card
        cells = [
            "*" if entry.is_default else "",
            entry.name,
            entry.state,
            "+".join(card.modalities) if card else "",
            str(card.dim) if card else "",
            _size(card.size_bytes) if card else "",
            _about(entry),
        ]
        table.add_row(*(_plain(cell) for cell in cells))
    console = Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False)
    console.print(table)
    if any(entry.is_default for entry in entries):
        typer.echo("* used where no --model is named", err=True)


def _about(entry: ModelEntry) -> str:
    """What the model is, or what to do about one that is broken."""
    if entry.card is not None:
        return entry.card.title
    if entry.state == "built in" and entry.problem is not None:
        return "damaged: install clibd anew"
    if entry.state == "built in":
        return "untrained, made on the spot"
    return f"clibd models remove {entry.name}"


def _plain(cell: str) -> Any:
    from rich.text import Text

    return Text(printable(cell))  # no markup: a title may hold brackets


def facts_of(entry: ModelEntry) -> dict[str, str]:
    """What `show` prints, label by label; what is unknown is left out."""
    facts = {"name": entry.name, "state": entry.state + (", default" if entry.is_default else "")}
    if entry.problem is not None:
        facts["problem"] = entry.problem
    if entry.folder is not None:
        facts["folder"] = str(entry.folder)
    card = entry.card
    if card is None:
        return facts
    facts |= {"title": card.title, "towers": ", ".join(card.modalities), "dim": str(card.dim)}
    facts |= _preparation(card)
    facts["size"] = _size(card.size_bytes)
    facts |= _experience(entry)
    facts["source"] = card.source
    if card.hub is not None:
        facts["fetched from" if entry.folder else "to fetch"] = (
            f"{card.hub.repo}/{card.hub.path} at {card.hub.revision}"
        )
        facts["SHA-256"] = card.hub.sha256 or "as the hub states it"
    if card.fingerprint is not None:
        facts["fingerprint"] = card.fingerprint
    labels = {"licence": card.licence, "citation": card.citation, "notes": card.notes}
    return facts | {label: text for label, text in labels.items() if text}


def _experience(entry: ModelEntry) -> dict[str, str]:
    """What the model tells of its training."""
    from clibd_cli.models.experience import CALIBRATION_FILE, count_seen

    if entry.folder is None or not (seen := count_seen(entry.folder)):
        return {}
    has = (entry.folder / CALIBRATION_FILE).is_file()
    told = "it brings a calibration by others" if has else "and brings no calibration by others"
    return {"trained on": f"{seen:,} photos, which it knows again; {told}"}


def _preparation(card: ModelCard) -> dict[str, str]:
    """How inputs are prepared for each tower, in words."""
    facts: dict[str, str] = {}
    if (image := card.image) is not None:
        scaled = "values in [0, 1]" if image.mean is None else f"mean {image.mean}, std {image.std}"
        facts["photos"] = f"shorter side to {image.resize}, centre {image.crop} pixels, {scaled}"
    if (dna := card.dna) is not None:
        facts |= _barcodes(dna)
    if (text := card.text) is not None:
        facts["names"] = _names(text)
    return facts


def _barcodes(tower: AnyDnaTower) -> dict[str, str]:
    from clibd_cli.models.cards import ProfileDnaTower

    if isinstance(tower, ProfileDnaTower):
        return {"barcodes": f"laid on a profile of {tower.positions} bases, either way round"}
    return {"barcodes": f"{tower.max_bases} bases, {tower.k}-mers", "DNA pooling": tower.pooling}


def _names(tower: AnyTextTower) -> str:
    from clibd_cli.models.cards import NgramTextTower

    if isinstance(tower, NgramTextTower):
        return f"words and their letters, in {tower.buckets:,} buckets"
    return f"{tower.max_tokens} word pieces of {tower.vocab_size:,}"


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.0f} MB" if size_bytes >= 1e6 else f"{size_bytes / 1e3:,.0f} kB"


def as_json(entry: ModelEntry) -> dict[str, Any]:
    """All that is known about a model, for programs."""
    facts = asdict(entry)
    facts["folder"] = None if entry.folder is None else str(entry.folder)
    return facts
