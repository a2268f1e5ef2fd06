"""What an index learnt of itself, read back."""

from __future__ import annotations

from pathlib import Path

from clibd_cli.calibration.curves import FILE, Calibration, from_json
from clibd_cli.core.errors import ClibdError
from clibd_cli.core.records import Modality
from clibd_cli.core.typed_json import BAD_JSON
from clibd_cli.vectors.header import IndexHeader, check_file
from clibd_cli.vectors.index import ReferenceIndex


def calibrations_in(folder: Path, header: IndexHeader) -> tuple[Calibration, ...]:
    """What the index learnt of itself; nothing where it is older or has too few references.

    Raises:
        ClibdError: where the file is damaged.
    """
    if FILE not in header.sha256:
        return ()
    path = check_file(folder, header, FILE)
    try:
        return from_json(path.read_text(encoding="utf-8"))
    except BAD_JSON as error:
        raise ClibdError(f"{path} is damaged: {error}", "Build the index anew.") from error


def calibrations_for(index: ReferenceIndex, *, aligned: bool) -> dict[Modality, list[Calibration]]:
    """The calibrations for the keys that are searched, by the modality of the query.

    Args:
        aligned: whether barcodes are aligned with their references.

    Returns:
        Those of barcodes by rising length.
    """
    found: dict[Modality, list[Calibration]] = {}
    for one in sorted(calibrations_in(index.folder, index.header), key=lambda c: c.least_bases):
        if one.keys == index.modalities and (one.query != "dna" or one.aligned == aligned):
            found.setdefault(one.query, []).append(one)
    return found
