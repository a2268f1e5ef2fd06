from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.records import Skip
from clibd_cli.io.tables import MAX_ROW, Row, Table, sniff_delimiter


def read(text: str) -> tuple[Table, list[Row | Skip]]:
    table = Table(iter(text.split("\n")), "t.csv")
    return table, list(table)


def test_delimiters() -> None:
    assert sniff_delimiter("a\tb,c,d") == "\t"
    assert sniff_delimiter("a;b;c,d") == ";"
    assert sniff_delimiter("a|b") == "|"
    assert sniff_delimiter("a,b") == ","
    assert sniff_delimiter("a") == ","


@pytest.mark.parametrize("delimiter", list("\t,;|"))
def test_rows_have_line_numbers_and_blank_lines_do_not_count_as_rows(delimiter: str) -> None:
    table, rows = read("\na,b\n1,2\n\n,\n3,4\n".replace(",", delimiter))
    assert table.columns == ["a", "b"]
    assert rows == [Row(3, ["1", "2"]), Row(6, ["3", "4"])]


def test_columns_are_found_by_alias_in_any_case() -> None:
    table, _ = read("Process ID,BIN-URI,,Species,species")
    assert table.find(("processid", "process_id")) == 0
    assert table.find(("bin_uri",)) == 1
    assert table.find(("species",)) == 3
    assert table.find(("genus",)) is None
    assert table.find_all(("species", "process_id", "genus")) == [3, 0]


def test_the_earlier_alias_wins() -> None:
    table, _ = read("id,processid")
    assert table.find(("processid", "id")) == 1


def test_quotes_in_csv() -> None:
    _, rows = read('a,b\n"x, y","he said ""no"""\n"two\nlines",z\n5" pin,w')
    assert rows == [
        Row(2, ["x, y", 'he said "no"']),
        Row(3, ["two\nlines", "z"]),
        Row(5, ['5" pin', "w"]),
    ]


def test_a_quote_that_nothing_closes_costs_one_line() -> None:
    _, rows = read('a,b\n1,"open\n3,4\n5,6\n')
    assert rows == [
        Skip("t.csv#line 2", "", "a quote is opened and not closed"),
        Row(3, ["3", "4"]),
        Row(4, ["5", "6"]),
    ]


def test_a_quote_closed_by_a_later_stray_one_costs_its_line_and_that() -> None:
    _, rows = read('a,b\n1,"open\n3,4\nx",6,7\n8,9')
    assert [row.line for row in rows if isinstance(row, Row)] == [3, 5]
    assert [row.source for row in rows if isinstance(row, Skip)] == ["t.csv#line 2", "t.csv#line 4"]


def test_a_header_with_a_stray_quote_loses_no_row() -> None:
    table, rows = read('a,"b\n1,2\n3,4')
    assert table.columns == ["a", '"b']
    assert rows == [Row(2, ["1", "2"]), Row(3, ["3", "4"])]


def test_many_stray_quotes_do_not_take_forever() -> None:
    text = "a,b\n" + '1,"open\n' * 20_001
    _, rows = read(text)
    assert len(rows) in (20_001, 10_001)  # two such lines may pass for one quoted cell


def test_tab_separated_has_no_quoting() -> None:
    _, rows = read('a\tb\n"x\ty"\nz"\t"')
    assert rows == [Row(2, ['"x', 'y"']), Row(3, ['z"', '"'])]


def test_tab_separated_with_a_quoted_header_has_quoting() -> None:
    table, rows = read('"a"\t"b"\n"x, y"\t"2"')
    assert table.columns == ["a", "b"]
    assert rows == [Row(2, ["x, y", "2"])]


def test_lines_of_another_width_are_skips() -> None:
    _, rows = read("a\tb\tc\n1\n1\t2\t3\n1\t2\t3\t4\n1\t2\t3\t\t5")
    assert rows == [
        Skip("t.csv#line 2", "", "1 cells where the header has 3"),
        Row(3, ["1", "2", "3"]),
        Skip("t.csv#line 4", "", "4 cells where the header has 3"),
        Skip("t.csv#line 5", "", "5 cells where the header has 3"),
    ]


def test_empty_cells_at_the_end_may_be_lost_or_added() -> None:
    _, rows = read("a,b,c\n1,2\n1,2,3,\n1,2,,, \n1,,\n  \n")
    assert [row.cells for row in rows if isinstance(row, Row)] == [
        ["1", "2", ""],
        ["1", "2", "3"],
        ["1", "2", ""],
        ["1", "", ""],
    ]
    assert len(rows) == 4


@pytest.mark.parametrize("text", ['"a","b"\n"1",x,y\n"2",z,w', "a\tb\n1\tx\ty\n2\tz\tw\n"])
def test_row_names_of_r_are_dropped(text: str) -> None:
    table, rows = read(text)
    assert table.columns == ["a", "b"]
    assert rows == [Row(2, ["x", "y"]), Row(3, ["z", "w"])]


def test_row_names_of_a_single_row_and_before_a_bad_one() -> None:
    assert read("a,b\n1,x,y")[1] == [Row(2, ["x", "y"])]
    bad = Skip("t.csv#line 4", "", "2 cells where the header has 2")
    assert read("a,b\n1,x,y\n2,x,y\nx,y\n")[1] == [Row(2, ["x", "y"]), Row(3, ["x", "y"]), bad]


def test_one_stray_delimiter_in_the_first_row_is_no_row_name() -> None:
    _, rows = read('a,b\n1,x,L.\n2,"y\nz"\n3,w')
    assert rows == [
        Skip("t.csv#line 2", "", "3 cells where the header has 2"),
        Row(3, ["2", "y\nz"]),
        Row(5, ["3", "w"]),
    ]


def test_an_endless_line_is_a_skip() -> None:
    _, rows = read("a,b\n" + "x" * (MAX_ROW + 1) + "\n1,2")
    assert isinstance(rows[0], Skip)
    assert rows[1] == Row(3, ["1", "2"])


def test_an_empty_table_is_an_error() -> None:
    with pytest.raises(ClibdError, match=r"t\.csv is empty"):
        read("\n\n")


def test_description_is_short() -> None:
    table, _ = read(",".join(["x" * 100, "", *map(str, range(100))]))
    assert table.describe().startswith("x" * 27 + "..., (no name), 0, 1")
    assert table.describe().endswith("and 72 more")


CELL = st.text(st.characters(blacklist_characters="\r\0", blacklist_categories=["Cs"]), max_size=8)


@given(st.lists(st.tuples(CELL, CELL, st.just("end")), max_size=8), st.sampled_from(",;|"))
@settings(deadline=None)
def test_what_csv_writes_is_read(rows: list[tuple[str, ...]], delimiter: str) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows([("a", "b", "c"), *rows])
    _, got = read(text.getvalue())
    assert [tuple(row.cells) for row in got if isinstance(row, Row)] == rows


@given(st.text(st.sampled_from('a,"\n'), max_size=200))
@settings(deadline=None)
def test_any_text_ends_and_lines_come_in_order(text: str) -> None:
    _, rows = read("a,b\n" + text)
    numbers = [
        row.line if isinstance(row, Row) else int(row.source.rsplit(" ", 1)[1]) for row in rows
    ]
    assert numbers == sorted(set(numbers))


@given(st.lists(st.sampled_from(["1\t2", "1", "1\t2\t3", '"\t"'])))
@settings(deadline=None)
def test_every_tab_separated_line_is_a_row_or_a_skip(lines: list[str]) -> None:
    _, rows = read("\n".join(["a\tb", *lines]))
    assert len(rows) == len(lines)
