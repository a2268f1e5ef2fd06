"""Queries that were embedded before: which inputs are stores, and what their rows say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from clibd_cli.core.lineage import RANKS, Lineage
from clibd_cli.core.records import Skip, Specimen
from clibd_cli.tasks.inputs import Inputs
from clibd_cli.vectors.parts import find_stores, is_store, read_rows


def split_stores(inputs: Inputs) -> tuple[list[Path], Inputs]:
    """Tell embedding stores, and folders that hold nothing else, from folders of photos."""
    stores = [p for p in map(Path, inputs.photos) if p.is_dir() and _holds_only_stores(p)]
    photos = [p for p in inputs.photos if Path(p) not in stores]
    return stores, replace(inputs, photos=photos)


def _holds_only_stores(folder: Path) -> bool:
    from clibd_cli.io.photos import find_photos

    if is_store(folder):
        return True
    photo = next(find_photos([folder]), None)
    return isinstance(photo, Skip) and bool(find_stores(folder))


def stored_specimen(row: dict[str, str]) -> Specimen:
    """The specimen of a row of a store, without its vector."""
    return Specimen(
        specimen_id=row["specimen_id"],
        modality=row["modality"],  # type: ignore[arg-type]
        content=row["barcode"] or "",
        source=row["source"],
        lineage=Lineage(*(row[rank] for rank in RANKS)),
        bin_uri=row["bin_uri"],
    )


def with_photo_and_barcode(folder: Path) -> frozenset[str]:
    """The specimens of which the stores in `folder` hold both."""
    ids: dict[str, set[str]] = {"image": set(), "dna": set()}
    for rows in read_rows(find_stores(folder), ["specimen_id", "modality"]):
        names, kinds = (rows.column(i).to_pylist() for i in (0, 1))
        for name, kind in zip(names, kinds, strict=True):
            if kind in ids:
                ids[kind].add(name)
    return frozenset(ids["image"] & ids["dna"])
