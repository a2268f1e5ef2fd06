from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from clibd_cli.io import fasta
from clibd_cli.io.fasta import read_fasta
from clibd_cli.io.sequences import MAX_LETTERS, clean_barcode


def test_comments_blank_lines_and_spaces() -> None:
    lines = ["; a comment", "", ">a b", "AC GT", "", "; more", "  acg", " >c", ">d", "T"]
    assert list(read_fasta(lines)) == [("a b", "ACGTacg"), ("c", ""), ("d", "T")]


def test_an_endless_record_is_cut_but_still_too_long() -> None:
    lines = [">long", *["A" * 1000] * 3000, ">next", "ACGT"]
    (_, letters), following = read_fasta(lines)
    assert MAX_LETTERS < len(letters) <= MAX_LETTERS + 1000
    assert following == ("next", "ACGT")


def test_letters_beyond_the_limit_are_not_kept() -> None:
    kept = list(fasta._bounded([">a", *["A" * 1000] * 100_000]))
    assert len(kept) == 1 + MAX_LETTERS // 1000 + 1


BARCODE = st.text("ACGTN", max_size=200)
TITLE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)


@given(st.lists(st.tuples(TITLE, BARCODE)), st.integers(1, 70), st.booleans(), st.booleans())
@settings(deadline=None)
def test_round_trip_of_wrapped_lower_case_gapped_records(
    records: list[tuple[str, str]], width: int, lower: bool, gaps: bool
) -> None:
    lines = []
    for title, barcode in records:
        written = barcode.lower() if lower else barcode
        written = "-".join(written) if gaps else written
        lines += [f">{title}", *(written[i : i + width] for i in range(0, len(written), width)), ""]
    read = [(title, clean_barcode(letters)) for title, letters in read_fasta(lines)]
    assert read == records
