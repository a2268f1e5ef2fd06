"""Tables of splits: whose words they use, and what they say of specimens."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from clibd_cli.core.errors import ClibdError
from clibd_cli.io.roles import ROLES, read_roles, role_of


@pytest.mark.parametrize(
    ("split", "role"),
    [
        *(("pretrain", "train"), ("train", "train"), ("key_seen", "key"), ("key_unseen", "key")),
        *(("val", "val"), ("val_unseen", "val"), ("test", "test"), ("test_unseen", "test")),
        *(("all_keys", "key"), ("no_split_and_seen_train", "train"), ("Query", "test")),
        *(("other_heldout", "other"), ("", "other")),
    ],
)
def test_roles_of_splits(split: str, role: str) -> None:
    assert role_of(split) == role


def test_a_table_of_clibd_split(tmp_path: Path) -> None:
    table = tmp_path / "s.csv"
    table.write_text(
        "specimen_id,split,seen,species\na,test,true,G a\nb,test_unseen,false,G b\n"
        "c,key_unseen,false,G b\nd,pretrain,,NA\n",
        encoding="utf-8",
    )
    roles = read_roles(table)
    role, seen = roles.at(pa.array(["c", "a", "gone", "d", "b"]))
    words = [ROLES[code] if code >= 0 else None for code in role.tolist()]
    assert words == ["key", "test", None, "train", "test"]
    assert seen.tolist() == [0, 1, -1, -1, 0]
    assert roles.species.to_pylist() == ["G a", "G b", "G b", None]


def test_seen_from_the_names_of_splits(tmp_path: Path) -> None:
    table = tmp_path / "s.tsv"
    table.write_text("processid\tsplit\na\ttest_seen\nb\ttest_unseen\n", encoding="utf-8")
    assert read_roles(table).at(pa.array(["a", "b"]))[1].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("text", "says"),
    [("specimen_id,seen\na,true\n", "lacks a column"), ("id,split\na,key\na,test\n", "ids more")],
)
def test_what_is_no_split(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "s.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ClibdError, match=says):
        read_roles(tmp_path / "s.csv")
