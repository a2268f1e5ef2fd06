"""Small contents of reports, hostile ones among them."""

from __future__ import annotations

from clibd_cli.report.contents import (
    Contents,
    Counts,
    NearReference,
    ReportRow,
    SkippedInput,
)

BREAKOUTS = (
    "</script><script>window.owned=1</script>",
    '"><img src=x onerror="window.owned=1">',
    "'><svg/onload=window.owned=1>",
    "<!--<script>window.owned=1//",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:window.owned=1",
    "line\u2028separator\u2029and \u202eoverride",
    "lone \ud800 surrogate",
    "__proto__",
    "constructor",
    "x" * 5_000,
)


def near(name: str = "R1", species: str | None = "Aedes vexans", photo: str | None = None):
    genus = species.split()[0] if species else "Aedes"
    return NearReference(
        key_id=name,
        modality="dna",
        names=("Diptera", "Culicidae", genus, species),
        similarity=0.9871,
        identity=0.9954,
        overlap_bp=655,
        bin_uri="BOLD:AAA1234",
        n_specimens=3,
        source="refs.fasta#R1",
        photo=photo,
    )


def row(position: int = 1, name: str = "S1", **changes: object) -> ReportRow:
    values: dict[str, object] = {
        "names": ("Diptera", "Culicidae", "Aedes", None),
        "confidence": (1.0, 0.98, 0.7512, None),
        "nearest_id": "R1",
        "nearest_species": "Aedes vexans",
        "similarity": 0.9871,
        "n_support": 7,
        "evidence": "image",
        "source": f"plates/a/{name}.jpg",
        "photo": f"plates/a/{name}.jpg",
        "nearest": (near(), near("R2", "Aedes cinereus")),
        **changes,
    }
    return ReportRow(position, name, **values)  # type: ignore[arg-type]


def contents(rows: list[ReportRow], **changes: object) -> Contents:
    flags: dict[str, int] = {}
    for one in rows:
        for word in one.flags:
            flags[word] = flags.get(word, 0) + 1
    named = tuple(sum(one.names[rank] is not None for one in rows) for rank in range(4))
    flagged = sum(bool(one.flags) for one in rows)
    values: dict[str, object] = {"title": "results.parquet", "version": "1.2", **changes}
    counts = Counts(len(rows), named, flagged, flags, skipped={"the file is empty": 2})
    values.setdefault("skipped", [SkippedInput("a.jpg", "a", "the file is empty")])
    return Contents(counts=counts, rows=rows, **values)  # type: ignore[arg-type]


def hostile() -> Contents:
    """Every text of the page is one that means harm."""
    rows = [
        row(
            place,
            text,
            names=(text, text, text, text),
            nearest_id=text,
            nearest_species=text,
            evidence=text,
            flags=(text,),
            source=text,
            conflict=f"image: {text}; dna: {text}",
            nearest=(
                NearReference(text, text, (text, None, None, text), bin_uri=text, source=text),
            ),
        )
        for place, text in enumerate(BREAKOUTS, 1)
    ]
    pairs = [(text, text) for text in BREAKOUTS]
    skipped = [SkippedInput(text, text, text) for text in BREAKOUTS]
    made = contents(rows, title=BREAKOUTS[0], settings=pairs, provenance=pairs, skipped=skipped)
    made.notes.extend(BREAKOUTS)
    made.counts.skipped.update(dict.fromkeys(BREAKOUTS, 1))
    return made
