"""Readers of what labs and their colleagues type: barcodes, tables, names, results, settings."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from pathlib import Path

from clibd_cli.core.progress import SILENT
from clibd_cli.core.records import Skip
from clibd_cli.io.barcodes import is_fasta, read_barcodes
from clibd_cli.io.labels import read_labels
from clibd_cli.io.predictions import read_predictions
from clibd_cli.io.references import scan_references
from clibd_cli.io.result_rows import open_result_rows
from clibd_cli.io.results import (
    NEAR_COLUMNS,
    SkipWriter,
    near_path,
    open_results,
    skipped_path,
)
from clibd_cli.io.roles import read_roles
from clibd_cli.io.taxa import read_taxa
from clibd_cli.report.page import render_page
from clibd_cli.report.thumbnails import Thumbnails
from clibd_cli.tasks.report_contents import read_contents
from clibd_cli.tasks.report_reading import Results
from clibd_cli.training.settings import read_settings
from tests.io.made_results import ROWS, write_results
from tests.made_inputs import barcode_of
from tests.stress.contract import Reader, lines_of, promise, rows_of
from tests.stress.mutations import odd_json

_LINEAGE = "Diptera,Culicidae,Aedes,Aedes vexans"
_NAMES = "order,family,genus,species"
_FASTA = f""">ABGEN939-20|Aedes vexans|COI-5P|MN123456
{barcode_of(0)[:60]}
{barcode_of(0)[60:130].lower()}
>S2;tax=o:Diptera,f:Culicidae,g:Aedes,s:Aedes_vexans;
{barcode_of(1)[:80]}--NNRY

; a comment
>asv_3 o__Diptera;f__Culicidae
{barcode_of(2)[:70]}
>too_short
ACGT
>
{barcode_of(3)[:50]}
"""
_BARCODES = f"""processid,sampleid,{_NAMES},bin_uri,marker_code,nucleotides
ABGEN939-20,S1,{_LINEAGE},BOLD:AAA1234,COI-5P,{barcode_of(0)[:70]}
ABGEN940-20,S2,Diptera,,,,,COI-3P,{barcode_of(1)[:70]}
ABGEN941-20,"S 3, ""b"" x",Diptera,Culicidae,"Aedes
","Aedes vexans",,COI-5P,{barcode_of(2)[:70]}
ABGEN942-20,S4,NA,,,,,,
"""
_LABELS = f"""file,sample_id,{_NAMES},bin_uri
plate1/A01.jpg,S1,{_LINEAGE},BOLD:AAA1234
plate1\\A02.jpg,S2,Diptera,Culicidae,,,
A01.jpg,S1,"Diptera",Culicidae,Aedes,,
"""
_ROLES = """specimen_id,split,seen,species
S1,train,true,Aedes vexans
S2,test_unseen,false,"Aedes, cinereus"
S3,key_unseen,,
"""
_PREDICTED = f"""query_id,position,{_NAMES}
S1,1,{_LINEAGE}
S1,2,Diptera,Culicidae,Culex,Culex pipiens
S2,1,Diptera,,,
"""
_TAXA = """Diptera Culicidae Aedes Aedes vexans
Lepidoptera Noctuidae Xestia Xestia c-nigrum
Aedes
not_classified not_classified Aedes
"""
_RECIPE = Path(__file__).parents[2] / "examples" / "train_own_specimens.toml"


def text_readers(work: Path) -> list[Reader]:
    """Readers of text, with files in `work`."""
    return [
        Reader("fasta", work / "a.fasta", _packed(_in_encodings(_FASTA)), _read_barcodes),
        Reader("barcode-table", work / "b.csv", _dialects(_BARCODES), _read_barcodes),
        Reader("labels", work / "labels.csv", _dialects(_LABELS), read_labels),
        Reader("table", work / "table.csv", _dialects(_BARCODES + _LABELS), _read_table),
        Reader("roles", work / "splits.csv", _dialects(_ROLES)[:-1], read_roles),
        Reader("predictions", work / "p.csv", _dialects(_PREDICTED)[:-1], read_predictions),
        Reader("taxa", work / "names.txt", [*_in_encodings(_TAXA), *_dialects(_LABELS)], _taxa),
        Reader("references", work / "refs" / "x.csv", _dialects(_LABELS), _scan),
        Reader("recipe", work / "r.toml", [_RECIPE.read_bytes()], read_settings),
        *_results(work),
    ]


def _in_encodings(text: str) -> list[bytes]:
    return [
        text.encode(),
        text.replace("\n", "\r\n").encode(),
        text.replace("\n", "\r").encode("utf-8-sig"),
        text.replace("Diptera", "Diptéra").encode("latin-1"),
        text.encode("utf-16"),
    ]


def _packed(texts: list[bytes]) -> list[bytes]:
    twice = gzip.compress(texts[0]) + gzip.compress(texts[1])
    return [*texts, gzip.compress(texts[0], mtime=0), twice]


def _dialects(text: str) -> list[bytes]:
    plain = text.replace('"', "")
    tables = [text, text.replace(",", ";"), text.replace(",", "|"), plain.replace(",", "\t")]
    return [*map(str.encode, tables), *_packed(_in_encodings(text))]


def _read_barcodes(path: Path) -> None:
    found = list(read_barcodes([path]))
    lines, broken = lines_of(path)
    first = next((line for line in lines if line.strip()), None)
    if first is None:
        expected = 0
    elif is_fasta(first):
        expected = sum(line.strip().startswith(">") for line in lines)
    else:
        expected = len(rows_of(lines, path.name))
    if broken:  # what was torn is lost, with the lines of an open quote; a skip tells of it
        torn = isinstance(found[-1], Skip) and "lost" in found[-1].reason
        promise(torn and len(found) <= expected + 1, f"{len(found)} of {expected} and a skip")
    else:
        promise(len(found) == max(1, expected), f"{len(found)} of {expected}")


def _read_table(path: Path) -> None:
    lines, _ = lines_of(path)
    if any(line.strip() for line in lines):
        rows_of(lines, path.name)


def _taxa(path: Path) -> None:
    found = list(read_taxa(path))
    promise(bool(found), "neither a name nor a skip")
    promise(len({one.specimen_id for one in found if not isinstance(one, Skip)})
            == sum(not isinstance(one, Skip) for one in found), "ids repeat")  # fmt: skip


def _scan(path: Path) -> None:
    found = scan_references(path.parent)
    kinds = (found.barcode_files, found.label_tables, found.ignored)
    promise(sum(len(files) for files in kinds) >= 1, "the file is nowhere")


def _results(work: Path) -> list[Reader]:
    """The four formats of results, and what lies beside them."""
    readers = []
    for suffix in ("csv", "tsv", "jsonl", "parquet"):
        path = _folder(work / suffix) / f"r.{suffix}"
        write_results(path)
        readers.append(Reader(f"results.{suffix}", path, [path.read_bytes()], _read_results))
    main = write_results(_folder(work / "beside") / "r.csv")
    with open_results(near_path(main), NEAR_COLUMNS) as hits:
        for row in ROWS:
            near = {"position": 1, "key_id": "K", "key_modality": "dna", "order": "Diptera"}
            hits.write({**dict.fromkeys(NEAR_COLUMNS), "specimen_id": row["specimen_id"], **near})
    with SkipWriter(skipped_path(main)) as skips:
        skips.write(Skip("a.jpg", "a", "the file is empty"))
    page = _shown(main)
    for name in ("r.hits.parquet", "r.skipped.csv"):
        path = main.with_name(name)
        readers.append(Reader(name, path, [path.read_bytes()], page))
    log = main.with_name("r.run.json")
    readers.append(Reader("r.run.json", log, [log.read_bytes()], page))
    readers.append(Reader("r.run.json, odd values", log, [log.read_bytes()], page, odd_json))
    return readers


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def _shown(results: Path) -> Callable[[Path], None]:
    def read(path: Path) -> None:
        contents = read_contents(results, SILENT)
        promise(contents.counts.n == len(ROWS), "rows of the results are lost")
        if path.stat().st_size % 16 == 0:  # it takes a while
            render_page(contents, Thumbnails())

    return read


def _read_results(path: Path) -> None:
    rows: Sequence[object] = list(open_result_rows(path))
    if path.suffix == ".parquet":
        from pyarrow import parquet

        expected = parquet.read_metadata(path).num_rows
        promise(len(rows) == expected, f"{len(rows)} of {expected} rows")
        return
    lines, broken = lines_of(path)
    if path.suffix == ".jsonl":
        expected = sum(bool(line.strip()) for line in lines)
    else:
        expected = len(rows_of(lines, path.name))
    promise(len(rows) == expected + broken, f"{len(rows)} of {expected}")
    table = Results(path)
    if path.suffix == ".jsonl":  # Arrow takes an object over two lines for one, we for none
        whole = sum(not isinstance(row, Skip) for row in rows)
        promise(whole <= table.n <= expected, f"a report of {table.n} of {expected}")
        return
    promise(table.n + table.unreadable == expected, f"a report of {table.n} of {expected}")
