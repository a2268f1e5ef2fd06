"""Readers of what clibd and torch write: photos, stores, indexes, models, checkpoints.

A stranger's index or model has the checksums that belong to it, so those are made anew here: what
is read behind them must stand by itself.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from random import Random

from clibd_cli.alignment import strand
from clibd_cli.alignment.strand import Strand
from clibd_cli.calibration import curves
from clibd_cli.core.digest import sha256_file
from clibd_cli.core.records import Specimen
from clibd_cli.core.seal import sealed
from clibd_cli.io.photo_content import is_near_empty
from clibd_cli.io.photos import PhotoError, load_photo
from clibd_cli.report.thumbnails import small_jpeg
from clibd_cli.tasks.calibrations import calibrations_for
from clibd_cli.tasks.finding import Found
from clibd_cli.tasks.strands import read_strand, turned
from clibd_cli.tasks.trust import TrustedNaming
from clibd_cli.vectors import builder, header
from clibd_cli.vectors.holdings import holdings_of_index
from clibd_cli.vectors.index import ReferenceIndex
from clibd_cli.vectors.parts import part_paths, read_rows
from clibd_cli.vectors.sums import SUMS
from clibd_cli.vectors.verify import verify_store
from tests.made_library import made_barcode
from tests.stress.contract import Reader, promise
from tests.stress.mutations import damaged, odd_json
from tests.tasks.test_annotating import calibration
from tests.vectors.made import specimens, unit_vectors, write_store

_ROWS = 12


def made_readers(work: Path) -> list[Reader]:
    """Readers of what programs write, with files in `work`."""
    return [_photos(work), *_stores(work), *_indexes(work)]


def _photos(work: Path) -> Reader:
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (64, 48), (200, 205, 208))
    ImageDraw.Draw(image).ellipse((20, 10, 40, 30), fill=(70, 50, 30))
    exif = image.getexif()
    exif[0x0112] = 6
    made: list[bytes] = []

    def add(kind: str, mode: str = "RGB", **options: object) -> None:
        file = BytesIO()
        image.convert(mode).save(file, kind, **options)
        made.append(file.getvalue())

    add("JPEG", exif=exif, progressive=True)
    add("JPEG", "CMYK")
    add("PNG", "P")
    add("PNG", "RGBA", exif=exif)
    add("PNG", "I;16")
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "jpeg"):
        add("TIFF", compression=compression)
    add("TIFF", "F")
    Image.init()
    for kind in ("WEBP", "GIF", "BMP", "PPM", "TGA", "PCX", "SGI", "JPEG2000", "AVIF"):
        if kind in Image.SAVE:
            add(kind)
    return Reader("photo", work / "photo.jpg", made, _read_photo)


def _read_photo(path: Path) -> None:
    try:
        photo = load_photo(path)
    except PhotoError as error:
        promise(bool(str(error)), "a skip without a reason")
        return
    promise(photo.mode == "RGB" and min(photo.size) > 0, f"{photo.mode} {photo.size}")
    is_near_empty(photo)
    small_jpeg(photo, 64)


def _stores(work: Path) -> list[Reader]:
    store = write_store(work / "store", specimens(_ROWS), unit_vectors(_ROWS))
    (part,) = part_paths(store)
    sums = store / SUMS
    listed, content = sums.read_bytes(), part.read_bytes()

    def read_listed(path: Path) -> None:
        part.write_bytes(content)
        rows = sum(batch.num_rows for batch in read_rows([store]))
        promise(rows == _ROWS, f"{rows} rows")

    def read_unlisted(path: Path) -> None:
        sums.unlink(missing_ok=True)
        verify_store(store)

    return [
        Reader("checksums of a store", sums, [listed], read_listed),
        Reader("part", part, [content], read_unlisted),
    ]


def _indexes(work: Path) -> list[Reader]:
    store = write_store(work / "indexed", specimens(60), unit_vectors(60))
    index = work / "index"

    def annotate(_: Path) -> dict[str, str]:
        words = Strand.of(made_barcode(species) for species in range(8)).to_json()
        return {strand.FILE: words, curves.FILE: curves.to_json([calibration("dna", "dna")])}

    builder.build_index([store], index, builder.BuildPlan("exact"), annotate=annotate)
    whole = {path.name: path.read_bytes() for path in index.iterdir()}
    readers = []
    for name, content in whole.items():
        mutate: dict[str, Callable[..., bytes]] = {name: damaged}
        if name.endswith(".json"):
            mutate[f"{name}, odd values"] = odd_json
        for title, change in mutate.items():
            path = _folder(work / "an index" / title) / name
            for other, bytes_ in whole.items():
                path.with_name(other).write_bytes(bytes_)
            readers.append(Reader(title, path, [content], _open_index, change))
    return readers


def _open_index(path: Path) -> None:
    """Open an index as `classify` does, name one query, and list what it holds."""
    if path.name == header.HEADER:
        _seal_anew(path)
    else:
        sums = {p.name: sha256_file(p) for p in path.parent.iterdir() if p.name != header.HEADER}
        good = header.read_header(path.parent)
        path.with_name(header.HEADER).write_text(replace(good, sha256=sums).to_json())
    index = ReferenceIndex(path.parent, barcodes=True)
    hits = index.search(unit_vectors(1), 5)[0]
    if "dna" in index.modalities:
        index.strengths("dna")
        list(index.barcodes())
    specimen = Specimen("q", "dna", "ACGT" * 30, "q.fasta#q")
    for aligned in (False, True):
        if calibrations := calibrations_for(index, aligned=aligned):
            naming = TrustedNaming(calibrations, 0.95)
            if "dna" in calibrations:
                naming([Found(specimen, hits)])
    turned(specimen, read_strand(index))
    holdings_of_index(path.parent)


def model_readers(work: Path) -> list[Reader]:
    """Readers of models and checkpoints, which need torch."""
    import torch
    from safetensors.torch import save

    from clibd_cli.models.checkpoint import read_tensors
    from clibd_cli.models.registry import CARD_FILE, VOCAB_FILE, WEIGHTS_FILE, read_card
    from clibd_cli.models.verify import problem_of
    from clibd_cli.models.weights import read_weights
    from clibd_cli.models.wordpiece import read_vocabulary
    from tests.models.tiny import install_tiny

    install_tiny(work, "tiny", ("dna", "text"))
    model = work / "tiny"
    card = read_card(model)
    weights = (model / WEIGHTS_FILE).read_bytes()
    texts, state = [(model / CARD_FILE).read_bytes()], {"a.weight": torch.ones(3, 2)}
    checkpoints, flat = [], save(state)
    for legacy in (False, True):
        file = BytesIO()
        held = {"model": state, "epoch": 3, "args": {"lr": 1e-3}}
        torch.save(held, file, _use_new_zipfile_serialization=not legacy)
        checkpoints.append(file.getvalue())

    def card_of(path: Path) -> None:
        _seal_anew(path)
        problem_of(read_card(path.parent))

    def towers_of(path: Path) -> None:
        read_weights(path, card, card.modalities)

    copy = Path(shutil.copytree(model, work / "a card"))
    return [
        Reader("checkpoint", work / "best.pth", [*checkpoints, flat], read_tensors),
        Reader("safetensors header", work / "w.safetensors", [weights], read_tensors, _odd_header),
        Reader("weights", model / WEIGHTS_FILE, [weights], towers_of, _odd_header),
        Reader("card.json", copy / CARD_FILE, texts, card_of, odd_json),
        Reader("vocab.txt", copy / VOCAB_FILE, [(copy / VOCAB_FILE).read_bytes()], read_vocabulary),
    ]


def _odd_header(seeds: Sequence[bytes], rng: Random) -> bytes:
    """A safetensors file whose header says odd things, or is damaged."""
    (seed,) = seeds
    size = int.from_bytes(seed[:8], "little")
    head, rest = seed[8 : 8 + size], seed[8 + size :]
    if rng.random() < 0.5:
        new = odd_json([head], rng)
        return len(new).to_bytes(8, "little") + new + rest
    return damaged([seed[: 8 + size]], rng) + rest


def _seal_anew(path: Path) -> None:
    """Give a file of JSON the checksum that belongs to it, where it is any JSON."""
    try:
        facts = json.loads(path.read_bytes())
        facts.pop("checksum", None)
    except (ValueError, RecursionError, AttributeError, TypeError):
        return
    path.write_bytes(sealed(facts).encode("utf-8", "replace"))


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path
