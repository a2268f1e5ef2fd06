"""Confidence that means what it says: indexes that ask themselves, and names that stay blank."""

from __future__ import annotations

import csv
import json
import random
import shutil
from pathlib import Path

import pytest

from clibd_cli.calibration.curves import FILE, from_json, to_json
from clibd_cli.calibration.lengths import LEAST_BASES
from clibd_cli.core.errors import ClibdError, UsageError
from clibd_cli.core.progress import Silent
from clibd_cli.models.experience import SEEN_FILE, count_seen, share_seen, which_seen, write_seen
from clibd_cli.tasks.classify import ClassifySummary, classify
from clibd_cli.tasks.embed import embed
from clibd_cli.tasks.inputs import Inputs
from clibd_cli.tasks.references import build_index
from tests.made_inputs import write_photos

GENERA, SPECIES, INDIVIDUALS = 14, 4, 5
"""Of each genus the last species is kept back, and of each other species the last individual."""


def changed(barcode: str, places: int, rng: random.Random) -> str:
    bases = list(barcode)
    for at in rng.sample(range(len(bases)), places):
        bases[at] = rng.choice("ACGT")
    return "".join(bases)


@pytest.fixture
def lab(workplace: Path) -> Path:
    """References in refs.fasta; seen.fasta and new.fasta with specimens to name."""
    rng = random.Random(3)
    files: dict[str, list[str]] = {"refs": [], "seen": [], "new": []}
    root = "".join(rng.choices("ACGT", k=600))
    for g in range(GENERA):
        genus = changed(root, 120, rng)
        for s in range(SPECIES):
            species = changed(genus, 50, rng)
            for i in range(INDIVIDUALS):
                name = f"Ordo|Familia|Genus{chr(97 + g)}|Genus{chr(97 + g)} species{chr(97 + s)}"
                barcode = changed(species, rng.randrange(6), rng)
                last_species, last = s == SPECIES - 1, i == INDIVIDUALS - 1
                target = "new" if last_species else "seen" if last else "refs"
                files[target].append(f">{target}{g}-{s}-{i}|{name}\n{barcode}\n")
    for target, records in files.items():
        Path(f"{target}.fasta").write_text("".join(records), encoding="utf-8")
    return workplace


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the index of refs.fasta is kept once it is built; it takes seconds."""
    return tmp_path_factory.mktemp("built") / "clibd-index"


@pytest.fixture
def calibrated(lab: Path, built: Path) -> Path:
    """The lab with an index of its references."""
    if not built.exists():
        build_index(["refs.fasta"], built)
    shutil.copytree(built, "clibd-index")
    return lab


def named(fasta: str, **options: object) -> tuple[list[dict[str, str]], ClassifySummary]:
    done = classify(Inputs([fasta]), None, Path("r.csv"), **options)  # type: ignore[arg-type]
    with Path("r.csv").open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table)), done


def species_of(row: dict[str, str]) -> str:
    g, s, _ = row["specimen_id"].removeprefix("seen").removeprefix("new").split("-")
    return f"Genus{chr(97 + int(g))} species{chr(97 + int(s))}"


def test_an_index_learns_from_its_own_references(calibrated: Path) -> None:
    header = json.loads(Path("clibd-index/index.json").read_text(encoding="utf-8"))
    assert {FILE, "strand.json"} <= set(header["sha256"])
    text = Path("clibd-index", FILE).read_text(encoding="utf-8")
    several = from_json(text)
    assert to_json(several) == text
    assert tuple(one.least_bases for one in several) == LEAST_BASES
    one = several[-1]
    assert (one.query, one.keys, one.aligned) == ("dna", ("dna",), True)
    assert min(one.asked["specimen"], one.asked["species"], one.asked["genus"]) >= 100
    species = one.ranks["species"]
    assert species.error < 0.05
    thresholds = [species.threshold(target) for target in (0.0, 0.5, 0.9, 0.95)]
    assert thresholds == sorted(thresholds)


def test_new_species_stay_blank_and_known_ones_are_named(calibrated: Path) -> None:
    rows, done = named("seen.fasta")
    assert done.calibrated
    assert done.target_precision == 0.95
    given = [row for row in rows if row["species"]]
    assert len(given) >= 0.9 * len(rows)
    assert all(row["species"] == species_of(row) for row in given)
    assert all(0.5 < float(row["confidence_species"]) <= 1 for row in given)
    rows, done = named("new.fasta")
    assert sum(bool(row["species"]) for row in rows) <= 0.1 * len(rows)
    assert sum(row["genus"] == species_of(row).split()[0] for row in rows) >= 0.8 * len(rows)
    assert done.flags.get("new_species_suspected", 0) >= 0.5 * len(rows)
    assert all(row["confidence_species"] == "" for row in rows if not row["species"])


def test_pieces_get_names_as_deep_as_pieces_can(calibrated: Path) -> None:
    """As many of the names given are right as of whole barcodes: there are fewer of them."""
    given: dict[int, list[bool]] = {}
    for bases in (40, 600):
        with Path("pieces.fasta").open("w", encoding="utf-8") as pieces:
            for name in ("seen", "new"):
                for record in Path(f"{name}.fasta").read_text(encoding="utf-8").split(">")[1:]:
                    header, barcode = record.split()[0], record.split()[-1]
                    pieces.write(f">{header.split('|')[0]}\n{barcode[:bases]}\n")
        rows, done = named("pieces.fasta")
        assert done.calibrated
        named_rows = [row for row in rows if row["species"]]
        given[bases] = [row["species"] == species_of(row) for row in named_rows]
    assert len(given[40]) < 0.5 * len(given[600])
    assert all(sum(right) >= 0.9 * len(right) for right in given.values())


def test_without_the_model_whole_barcodes_are_asked_alone(
    lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embed(Inputs(["refs.fasta"]), "refs.embeddings")

    def gone(name: str, fingerprint: str) -> Path:
        raise ClibdError("it is not installed", "Install it.")

    monkeypatch.setattr("clibd_cli.tasks.annotating.folder_of", gone)
    build_index(["refs.embeddings"])
    (one,) = from_json(Path("clibd-index", FILE).read_text(encoding="utf-8"))
    assert one.least_bases == LEAST_BASES[-1]


def test_evidence_that_is_not_calibrated_does_not_spoil_what_is(lab: Path) -> None:
    """Four photos cannot be calibrated; with their specimens' barcodes, these decide alone."""
    write_photos(Path("photos"), range(1))
    build_index(["refs.fasta", "photos"])
    alone, _ = named("seen.fasta")
    shutil.copy("photos/p0-0.png", f"{alone[0]['specimen_id']}.png")
    told = Warnings()
    inputs = Inputs(["seen.fasta"], [f"{alone[0]['specimen_id']}.png"])
    assert classify(inputs, None, "both.csv", progress=told).calibrated
    assert "names it alone" in told.told[0]
    with Path("both.csv").open(encoding="utf-8", newline="") as table:
        both = {row["specimen_id"]: row for row in csv.DictReader(table)}
    pair = both[alone[0]["specimen_id"]]
    assert pair["evidence"] == "image+dna"
    for column in ("species", "confidence_species", "nearest_id", "identity"):
        assert pair[column] == alone[0][column] != ""


def test_a_target_of_nothing_leaves_nothing_blank(calibrated: Path) -> None:
    rows, _ = named("new.fasta", target_precision=0.0)
    assert all(row["species"] and row["confidence_species"] for row in rows)
    assert max(float(row["confidence_species"]) for row in rows) < 0.9


def test_what_is_no_barcode_gets_no_name(calibrated: Path) -> None:
    rng = random.Random(9)
    records = "".join(f">r{i}\n{''.join(rng.choices('ACGT', k=600))}\n" for i in range(5))
    for base in "AT":
        records += f">{base}\n{base * 500}\n"
    Path("q.fasta").write_text(records, encoding="utf-8")
    rows, _ = named("q.fasta")
    assert not any(row["order"] or "reverse" in row["flags"] for row in rows)
    assert all("far_from_references" in row["flags"] for row in rows)


def test_a_library_is_calibrated_by_all_that_it_stands_for(lab: Path) -> None:
    build_index(["refs.fasta"], representatives=1, vectors="float16")
    one = from_json(Path("clibd-index", FILE).read_text(encoding="utf-8"))[-1]
    assert not one.aligned
    assert one.asked["specimen"] >= 100
    rows, done = named("seen.fasta")
    assert done.calibrated
    assert sum(row["species"] == species_of(row) for row in rows) >= 0.7 * len(rows)
    assert not [row for row in rows if row["species"] not in {"", species_of(row)}]


def test_held_out_specimens_can_calibrate(lab: Path) -> None:
    embed(Inputs(["seen.fasta", "new.fasta"]), "held.embeddings")
    progress = Warnings()
    done = build_index(["refs.fasta"], calibrate_with=["held.embeddings"], progress=progress)
    assert progress.begun.count("calibrating") == 1  # the references are not asked for nothing
    one = from_json(Path("clibd-index", FILE).read_text(encoding="utf-8"))[-1]
    assert done.calibrated == {"dna": "held out"}
    assert one.asked["specimen"] >= 40  # distinct ones, of 42
    assert 60 <= one.asked["species"] <= 70
    assert one.asked["genus"] == 0
    with pytest.raises(ClibdError, match=r"seen\.fasta is no embedding store"):
        build_index(["refs.fasta"], calibrate_with=["seen.fasta"], overwrite=True)


def test_a_library_with_held_out_specimens_tells_the_strand(lab: Path) -> None:
    embed(Inputs(["seen.fasta", "new.fasta"]), "held.embeddings")
    build_index(["refs.fasta"], calibrate_with=["held.embeddings"], representatives=1)
    header = json.loads(Path("clibd-index/index.json").read_text(encoding="utf-8"))
    assert {FILE, "strand.json"} <= set(header["sha256"])


def test_few_references_are_not_calibrated_and_say_so(lab: Path) -> None:
    few = Path("refs.fasta").read_text().split(">")[1:9]
    Path("few.fasta").write_text("".join(f">{one}" for one in few), encoding="utf-8")
    build_index(["few.fasta"])
    assert not Path("clibd-index", FILE).exists()
    progress = Warnings()
    done = classify(Inputs(["seen.fasta"]), None, "r.csv", progress=progress)
    assert not done.calibrated
    assert done.target_precision is None
    assert "share of the vote" in progress.told[-1]


class Warnings(Silent):
    """Keeps what is warned of, and what was begun."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.begun: list[str] = []

    def begin(self, label: str, total: int | None) -> None:
        self.begun.append(label)

    def warn(self, message: str) -> None:
        self.told.append(message)


def test_a_damaged_calibration_is_named(calibrated: Path) -> None:
    Path("clibd-index", FILE).write_text("{}", encoding="utf-8")
    with pytest.raises(ClibdError, match=r"calibration\.json"):
        named("seen.fasta")


@pytest.mark.parametrize("target", [1.0, -0.1, float("nan")])
def test_impossible_targets_are_refused(lab: Path, target: float) -> None:
    with pytest.raises(UsageError, match="--target-precision"):
        named("seen.fasta", target_precision=target)


def test_a_model_knows_what_it_has_seen(tmp_path: Path) -> None:
    digests = [f"{i:064x}" for i in range(1 << 60, (1 << 60) + 5)]
    long = [digest[::-1] for digest in digests]
    write_seen(tmp_path, long)
    assert (tmp_path / SEEN_FILE).stat().st_size == 8 * len({d[:16] for d in long})
    assert share_seen(tmp_path, long) == 1.0
    assert share_seen(tmp_path, ["f" * 64, long[0]]) == 0.5
    assert share_seen(tmp_path, []) == 0.0
    assert share_seen(tmp_path / "none", long) == 0.0


def test_a_model_knows_what_the_one_before_had_seen(tmp_path: Path) -> None:
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    for folder in (first, second, third):
        folder.mkdir()
    assert write_seen(first, ["1" * 64, "2" * 64]) == 2
    assert write_seen(second, ["3" * 64, "2" * 64], first) == 3
    assert which_seen(second, ["1" * 64, "4" * 64, "3" * 64]).tolist() == [True, False, True]
    assert which_seen(second, []).tolist() == []
    assert write_seen(third, [], tmp_path / "none") == count_seen(third) == 0
    assert not (third / SEEN_FILE).exists()
