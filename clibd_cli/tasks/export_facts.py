"""What an export says of all specimens at once: from the run log of the results, and the user."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Any

from clibd_cli.core.lineage import clean_text

if TYPE_CHECKING:
    from clibd_cli.io.darwin_core import DatasetFacts

RunLog = Mapping[str, Any]

_SETTINGS = {
    "method": "method",
    "k": "neighbours",
    "min_share": "least share of the vote",
    "target_precision": "target precision",
}
"""What the run log calls the settings that decide how deep a name goes, and what people do."""


def dataset_facts(
    log: RunLog | None,
    identified_by: str | None,
    basis_of_record: str | None,
    higher: Mapping[str, str],
    id_prefix: str,
) -> DatasetFacts:
    """Who identified the specimens, when and how; what nobody knows is left out."""
    from clibd_cli.io.darwin_core import DatasetFacts

    known = log or {}
    return DatasetFacts(
        identified_by=clean_text(identified_by or "") or program(known),
        date_identified=_date(known.get("finished")),
        method="; ".join(settings(known)),
        basis_of_record=basis_of_record,
        higher={"kingdom": "Animalia", **higher},
        id_prefix=clean_text(id_prefix),
    )


def program(log: RunLog) -> str:
    """`clibd 1.0 with MODEL (fingerprint)`, as far as the log tells; never what runs now."""
    model, fingerprint, told = log.get("model"), log.get("fingerprint"), log.get("versions")
    version = told.get("clibd") if isinstance(told, dict) else log.get("clibd")
    words = f"clibd {version}" if version else "clibd"
    if model:
        words += f" with {model}"
    if fingerprint:
        words += f" ({str(fingerprint)[:12]})"
    return clean_text(words)


def settings(log: RunLog) -> list[str]:
    """The settings that decided the names, in words."""
    return [
        f"{words}: {log[name]}" for name, words in _SETTINGS.items() if log.get(name) is not None
    ]


def compared_with(log: RunLog) -> dict[str, str | None]:
    """How and with what barcodes were compared, under the terms of GBIF's DNA extension."""
    index, digests = log.get("index"), log.get("index_sha256")
    keys = digests.get("keys.parquet") if isinstance(digests, dict) else None
    # The last part of a path from any system: where the index lies is nobody's business.
    name = PureWindowsPath(str(index)).name if index else None
    database = f"{name};sha256 {str(keys)[:12]}" if name and keys else name
    return {
        "otu_seq_comp_appr": "; ".join([program(log), *settings(log)]),
        "otu_db": database,
    }


def provenance(log: RunLog | None, results: Path) -> dict[str, Any]:
    """For the export's own log: which results it is of, and what those were made with."""
    from clibd_cli.core.digest import sha256_file

    kept = ("model", "fingerprint", "index", "index_sha256", "index_counts", *_SETTINGS)
    known = log or {}
    return {
        "results_sha256": sha256_file(results),
        "results_command": known.get("command"),
        **{name: known[name] for name in kept if name in known},
    }


def _date(time: object) -> str | None:
    """The day in an ISO 8601 time, without the machine's own calendar."""
    from datetime import datetime

    try:
        return datetime.fromisoformat(str(time).replace("Z", "+00:00")).date().isoformat()
    except ValueError:
        return None
