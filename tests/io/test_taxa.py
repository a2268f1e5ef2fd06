from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.lineage import Lineage
from clibd_cli.core.records import Skip, Specimen
from clibd_cli.io.taxa import read_taxa
from tests.io.shared_data import GOLDENS, needs_goldens

SCIARA = Lineage("Diptera", "Sciaridae", "Sciara", "Sciara alba")


def test_a_name_given_itself() -> None:
    (specimen,) = read_taxa(" Diptera  Sciaridae Sciara\tSciara alba ")
    text = "Diptera Sciaridae Sciara Sciara alba"
    assert specimen == Specimen(text, "text", text, "text#line 1", SCIARA)


def test_lines_stay_as_they_are_but_for_white_space(tmp_path: Path) -> None:
    path = tmp_path / "taxa.txt"
    path.write_text(
        "\n  Diptera  Sciaridae Sciara Sciara alba\r\n\r\nDiptera Sciaridae not_classified "
        "not_classified\nDiptera Sciaridae Sciara Sciara alba\n",
        encoding="utf-8",
    )
    said: list[str] = []
    first, second, third = read_taxa(path, said.append)
    text = "Diptera Sciaridae Sciara Sciara alba"
    assert first == Specimen(text, "text", text, f"{path}#line 2", SCIARA)
    assert second.specimen_id == "Diptera Sciaridae not_classified not_classified"
    assert third == Specimen(text + "#2", "text", text, f"{path}#line 5", SCIARA)
    assert len(said) == 1


def test_a_table_with_rank_columns(tmp_path: Path) -> None:
    path = tmp_path / "taxa.tsv"
    path.write_text(
        "order_name\tgenus_name\tspecies_name\tn\nDiptera\tSciara\talba\t7\n\tNone\tNA\t1\n1\t2\n",
        encoding="utf-8",
    )
    named, nobody, bad = read_taxa(path)
    text = "Diptera not_classified Sciara Sciara alba"
    lineage = Lineage("Diptera", None, "Sciara", "Sciara alba")
    assert named == Specimen(text, "text", text, f"{path}#line 2", lineage)
    assert nobody == Skip(f"{path}#line 3", "", "the row names no taxon")
    assert isinstance(bad, Skip)


def test_a_column_of_species_alone(tmp_path: Path) -> None:
    path = tmp_path / "species.csv"
    path.write_text("Species\nSciara alba\n", encoding="utf-8")
    (specimen,) = read_taxa(path)
    assert specimen.specimen_id == "not_classified not_classified Sciara Sciara alba"


def test_what_looks_like_a_file_must_be_there(tmp_path: Path) -> None:
    for name in ("missing.txt", str(tmp_path / "missing"), Path("missing")):
        with pytest.raises(ClibdError, match="does not exist"):
            list(read_taxa(name))


def test_nothing_in_it(tmp_path: Path) -> None:
    path = tmp_path / "empty.txt"
    path.write_text("\n\n", encoding="utf-8")
    assert list(read_taxa(path)) == [Skip(str(path), "", "no names")]
    assert list(read_taxa("")) == [Skip("text", "", "no names")]
    assert list(read_taxa("  ")) == [Skip("text", "", "no names")]


def test_an_endless_line_is_a_skip(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text("word " * 100_000, encoding="utf-8")
    (skip,) = read_taxa(path)
    assert isinstance(skip, Skip)
    assert "longer than 1,000" in skip.reason


@given(st.lists(st.text("Aab \t_", max_size=30)))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_line_with_words_is_a_specimen(tmp_path: Path, lines: list[str]) -> None:
    path = tmp_path / "taxa.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    records = list(read_taxa(path))
    texts = [" ".join(line.split()) for line in lines if line.split()]
    assert [r.content for r in records if isinstance(r, Specimen)] == texts


@pytest.mark.realdata
@needs_goldens
def test_the_golden_names() -> None:
    path = GOLDENS / "official_tiny_idt" / "taxa.txt"
    lines = path.read_text(encoding="utf-8").splitlines()
    records = list(read_taxa(path))
    assert [r.content for r in records if isinstance(r, Specimen)] == lines
    assert [r.lineage.as_text() for r in records if isinstance(r, Specimen)] == lines
