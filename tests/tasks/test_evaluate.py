"""The paper's protocol over tables, over stores, and over photos and barcodes."""

from __future__ import annotations

import csv
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clibd_cli.core.errors import ClibdError, UsageError
from clibd_cli.core.lineage import RANKS, Lineage
from clibd_cli.core.records import Modality, Specimen
from clibd_cli.tasks.embed import embed
from clibd_cli.tasks.evaluate import evaluate_inputs, evaluate_stores, evaluate_tables
from clibd_cli.tasks.evaluation import Evaluation
from clibd_cli.tasks.evaluation_plots import draw_plots
from clibd_cli.tasks.evaluation_rows import SCORE_COLUMNS, write_scores
from clibd_cli.tasks.inputs import Inputs
from clibd_cli.vectors.schema import StoreFacts, to_table
from clibd_cli.vectors.store import StoreWriter
from tests.made_inputs import write_fasta, write_photos

COLUMNS = ["specimen_id", *RANKS]
FACTS = StoreFacts("made", "f" * 64, 4)


def table(path: Path, rows: Sequence[Sequence[str | None]], columns: list[str] = COLUMNS) -> Path:
    with path.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([columns, *rows])
    return path


def micro(found: Evaluation, rank: str, k: int = 1) -> Any:
    return found.comparisons[0].everything.ranks[rank].accuracy.micro[k]


# Tables


def test_the_words_of_the_issue(tmp_path: Path) -> None:
    truth = table(
        tmp_path / "t.csv",
        [
            ["a", "Diptera", "Culicidae", "Aedes", "Aedes aegypti"],
            ["b", "Diptera", "Culicidae", "Aedes", "Aedes aegypti"],
            ["c", "Diptera", "Culicidae", "Culex", "NA"],
            ["d", "Odonata", "", "", ""],
            ["e", "Odonata", "Libellulidae", "Libellula", "Libellula quarta"],
        ],
    )
    named = table(
        tmp_path / "p.csv",
        [
            ["e", "Odonata", "Libellulidae", "", ""],
            ["a", "Diptera", "Culicidae", "Aedes", "Aedes  aegypti"],
            ["b", "Diptera", "Culicidae", "Aedes", "Aedes albopictus"],
            ["c", "Diptera", "Culicidae", "Culex", "Culex pipiens"],
            ["x", "Diptera", "", "", ""],
        ],
    )
    found = evaluate_tables(named, truth)
    facts = found.to_json()
    assert facts["n"] == 5
    assert facts["ranks"]["order"] == {"micro": {"top1": 0.8}, "macro": {"top1": 0.75}}
    assert facts["ranks"]["species"] == {
        "micro": {"top1": pytest.approx(1 / 3)},
        "macro": {"top1": pytest.approx(1 / 4)},
    }
    assert facts["details"]["species"] == {
        "n": 3,
        "classes": 2,
        "coverage": pytest.approx(2 / 3),
        "precision": 0.5,
    }
    assert facts["counts"] == {"without_prediction": 1, "without_truth": 1}
    assert list(facts["ranks"]) == list(RANKS)


names = st.sampled_from(["", "NA", *"ABCD"])
rows_of_names = st.lists(st.tuples(names, names, names, names), min_size=1, max_size=30)


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows_of_names, st.data())
def test_tables_agree_with_scikit_learn(
    tmp_path: Path, true: list[Any], data: st.DataObject
) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    said = data.draw(st.lists(st.tuples(*[names] * 4), min_size=len(true), max_size=len(true)))
    order = data.draw(st.permutations(range(len(true))))
    truth = table(tmp_path / "t.csv", [[f"s{i}", *row] for i, row in enumerate(true)])
    named = table(tmp_path / "p.csv", [[f"s{i}", *said[i]] for i in order])
    found = evaluate_tables(named, truth).to_json()["ranks"]
    for place, rank in enumerate(RANKS):
        pairs = [(t[place], s[place]) for t, s in zip(true, said, strict=True)]
        pairs = [pair for pair in pairs if pair[0] not in ("", "NA")]
        if not pairs:
            assert found[rank] == {"micro": {"top1": None}, "macro": {"top1": None}}
            continue
        actual, called = zip(*pairs, strict=True)
        macro = metrics.recall_score(
            actual, called, labels=sorted(set(actual)), average="macro", zero_division=0
        )
        assert found[rank]["micro"]["top1"] == pytest.approx(metrics.accuracy_score(actual, called))
        assert found[rank]["macro"]["top1"] == pytest.approx(macro)


def test_further_candidates(tmp_path: Path) -> None:
    truth = table(tmp_path / "t.csv", [["a", "G a"], ["b", "G b"]], ["id", "species"])
    wide = table(
        tmp_path / "w.csv",
        [["a", "G x", "G a", ""], ["b", "", "G x", "G b"]],
        ["id", "species", "species_2", "species_3"],
    )
    long = table(
        tmp_path / "l.csv",
        [["a", 1, "G x"], ["b", 3, "G b"], ["a", 2, "G a"], ["b", 2, "G x"]],
        ["query_id", "position", "species"],
    )
    for named in (wide, long):
        species = evaluate_tables(named, truth).to_json()["ranks"]["species"]
        assert species["micro"] == {"top1": 0.0, "top3": 1.0}


@pytest.fixture
def splits(tmp_path: Path) -> Path:
    rows = [
        ["a", "test", "true", "G a"],
        ["b", "test", "true", "G b"],
        ["u", "test_unseen", "false", "G u"],
        ["v", "val", "true", "G b"],
        ["t", "train", "true", "G a"],
        *([f"k{i}", "key_seen", "true", "G a"] for i in range(3)),
    ]
    return table(tmp_path / "splits.csv", rows, ["specimen_id", "split", "seen", "species"])


def test_seen_unseen_and_harmonic_mean(tmp_path: Path, splits: Path) -> None:
    ids = ["a", "b", "u", "v", "t", "k1", "gone"]
    true = {"a": "G a", "b": "G b", "u": "G u", "v": "G b", "t": "G a", "k1": "G a", "gone": "G g"}
    truth = table(tmp_path / "t.csv", [[i, true[i]] for i in ids], ["id", "species"])
    named = table(tmp_path / "p.csv", [["a", "G a"], ["b", "G a"], ["u", "G u"]], ["id", "species"])
    found = evaluate_tables(named, truth, split=splits)
    facts = found.to_json()
    assert (facts["n"], facts["seen"]["n"], facts["unseen"]["n"]) == (3, 2, 1)
    assert facts["seen"]["ranks"]["species"]["micro"]["top1"] == 0.5
    assert facts["unseen"]["ranks"]["species"]["macro"]["top1"] == 1.0
    mean = facts["harmonic_mean"]["ranks"]["species"]
    assert mean == {
        "micro": {"top1": pytest.approx(2 / 3)},
        "macro": {"top1": pytest.approx(2 / 3)},
    }
    assert facts["counts"] == {"not_in_split": 1, "not_queries": 3}
    judged = found.comparisons[0].judged
    assert judged.key_counts is not None
    assert dict(zip(judged.names["species"], judged.key_counts.tolist(), strict=True))["G a"] == 3
    assert evaluate_tables(named, truth, split=splits, part="all").to_json()["n"] == 4
    only_val = table(tmp_path / "v.csv", [["v", "G b"]], ["id", "species"])
    assert evaluate_tables(only_val, truth, split=splits, part="val").to_json()["n"] == 1


@pytest.mark.parametrize(
    ("predictions", "truth", "says"),
    [
        ([["z", "G a"]], [["a", "G a"]], "no specimen of"),
        ([], [["a", "G a"]], "no specimen of"),
        ([["a", "G a"]], [], "has no specimens"),
        ([["a", "G a"], ["a", "G a"]], [["a", "G a"]], "more than once"),
    ],
)
def test_tables_that_cannot_be_compared(
    tmp_path: Path, predictions: list[list[str]], truth: list[list[str]], says: str
) -> None:
    named = table(tmp_path / "p.csv", predictions, ["id", "species"])
    true = table(tmp_path / "t.csv", truth, ["id", "species"])
    with pytest.raises(ClibdError, match=says):
        evaluate_tables(named, true)


def test_ranks_that_one_table_lacks_are_not_measured(tmp_path: Path) -> None:
    named = table(tmp_path / "p.csv", [["a", "Diptera"]], ["id", "order"])
    true = table(tmp_path / "t.csv", [["a", "Diptera", "Aedes"]], ["id", "order", "genus"])
    assert list(evaluate_tables(named, true).to_json()["ranks"]) == ["order"]
    other = table(tmp_path / "o.csv", [["a", "Aedes"]], ["id", "genus"])
    with pytest.raises(ClibdError, match="no rank in common"):
        evaluate_tables(named, other)


def test_a_split_of_other_specimens(tmp_path: Path, splits: Path) -> None:
    true = table(tmp_path / "t.csv", [["zz", "Diptera"]], ["id", "order"])
    with pytest.raises(ClibdError, match="none of the specimens is a test query"):
        evaluate_tables(true, true, split=splits)


# Stores


def store(folder: Path, rows: Sequence[tuple[str, Modality, Sequence[float], Lineage]]) -> Path:
    specimens = [Specimen(i, modality, "ACGT", "made", lin) for i, modality, _, lin in rows]
    vectors = np.array([vector for _, _, vector, _ in rows], dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with StoreWriter(folder, FACTS) as writer:
        writer.write(to_table(specimens, ["x"] * len(rows), vectors, FACTS))
    return folder


def lineage(letter: str) -> Lineage:
    return Lineage("O", "F", letter.upper(), f"{letter.upper()} {letter}")


def random_rows(
    seed: int, n: int, kinds: Sequence[Modality], prefix: str
) -> list[tuple[str, Modality, Sequence[float], Lineage]]:
    rng, letters = np.random.default_rng(seed), "abcd"
    return [
        (f"{prefix}{i}", kind, rng.normal(size=4).tolist(), lineage(letters[i % 4]))
        for i in range(n)
        for kind in kinds
    ]


def test_every_pair_of_features_against_a_plain_search(tmp_path: Path) -> None:
    kinds: list[Modality] = ["image", "dna", "text"]
    asking, asked = random_rows(1, 9, kinds, "q"), random_rows(2, 12, kinds, "k")
    random.Random(0).shuffle(asking)
    found = evaluate_stores([store(tmp_path / "q", asking)], [store(tmp_path / "k", asked)])
    pairs = {(c.query, c.key): c for c in found.comparisons}
    plain = ["image", "dna", "text", "mean"]
    assert set(pairs) == {
        *((query, key) for query in plain for key in [*plain, "all"]),
        ("concat", "concat"),
    }
    for (query, key), comparison in pairs.items():
        queries, keys = _features(asking, query), _features(asked, key)
        species = comparison.everything.ranks["species"].accuracy
        for k in (1, 3, 5):
            hits = []
            for vector, own in queries:
                near = sorted(keys, key=lambda item: -float(vector @ item[0]))[:k]
                hits.append(own.species in {lin.species for _, lin in near})
            assert species.micro[k] == pytest.approx(sum(hits) / len(hits)), (query, key, k)
        assert comparison.n_keys == len(keys)


def _features(
    rows: Sequence[tuple[str, Modality, Sequence[float], Lineage]], name: str
) -> list[tuple[np.ndarray, Lineage]]:
    """The features, worked out one specimen at a time."""
    units = {(i, kind): np.array(v) / np.linalg.norm(v) for i, kind, v, _ in rows}
    lineages = {i: lin for i, _, _, lin in rows}
    if name in ("image", "dna", "text", "all"):
        return [(v, lineages[i]) for (i, kind), v in units.items() if name in (kind, "all")]
    both = {i: (units[i, "image"], units[i, "dna"]) for i in lineages}
    joined = {i: a + b if name == "mean" else np.concatenate([a, b]) for i, (a, b) in both.items()}
    return [(v / np.linalg.norm(v), lineages[i]) for i, v in joined.items()]


def test_nobody_finds_itself(tmp_path: Path) -> None:
    rows: list[Any] = [
        ("a1", "dna", [1, 0, 0, 0], lineage("a")),
        ("a2", "dna", [0, 1, 0, 0.1], lineage("a")),
        ("b1", "dna", [0, 1, 0, 0], lineage("b")),
        ("b2", "dna", [1, 0, 0, 0.1], lineage("b")),
        ("a1", "image", [1, 0, 0, 0], lineage("a")),
    ]
    here = store(tmp_path / "s", rows)
    found = evaluate_stores([here], query_features=["dna"], key_features=["dna"])
    assert micro(found, "species") == 0.0
    assert micro(found, "order") == 1.0
    # Its barcode is no key for its photo either, and another store with its id is still itself.
    other = store(tmp_path / "t", [row for row in rows if row[1] == "image"])
    assert micro(evaluate_stores([other], [here], ["image"], ["all"]), "species") == 0.0


def test_fewer_keys_than_five(tmp_path: Path) -> None:
    rows: list[Any] = [("a", "dna", [1, 0, 0, 0], lineage("a"))]
    keys = store(tmp_path / "k", [("k", *rows[0][1:])])
    found = evaluate_stores([store(tmp_path / "q", rows)], [keys]).to_json()
    assert found["ranks"]["species"]["micro"] == {"top1": 1.0, "top3": 1.0, "top5": 1.0}
    alone = evaluate_stores([tmp_path / "q"]).to_json()
    assert alone["ranks"]["species"]["micro"]["top5"] == 0.0


def test_a_split_says_who_is_what_and_names_are_keys_too(tmp_path: Path) -> None:
    rows: list[Any] = [
        ("q", "dna", [1, 0, 0, 0], lineage("a")),
        ("u", "dna", [0, 1, 0, 0], lineage("b")),
        ("t", "dna", [1, 0, 0, 0.01], lineage("c")),
        ("ka", "dna", [1, 0, 0, 0.2], lineage("a")),
        ("kc", "dna", [0, 1, 0, 0.2], lineage("c")),
        (lineage("a").as_text(), "text", [1, 0, 0.1, 0], lineage("a")),
        (lineage("b").as_text(), "text", [0, 1, 0.1, 0], lineage("b")),
    ]
    splits = table(
        tmp_path / "s.csv",
        [["q", "test", "true"], ["u", "test_unseen", "false"], ["t", "train", "true"],
         ["ka", "key_seen", "true"], ["kc", "key_seen", "true"]],
        ["specimen_id", "split", "seen"],
    )  # fmt: skip
    found = evaluate_stores([store(tmp_path / "e", rows)], split=splits, query_features=["dna"])
    pairs = {c.key: c for c in found.comparisons}
    assert set(pairs) == {"dna", "text", "all"}
    # The name of b is embedded, but no key specimen is called so.
    assert (pairs["dna"].n_keys, pairs["text"].n_keys) == (2, 1)
    for seen, unseen in ((c.seen, c.unseen) for c in found.comparisons):
        assert seen is not None
        assert unseen is not None
        assert seen.ranks["species"].accuracy.micro[1] == 1.0
        assert unseen.ranks["species"].accuracy.micro[1] == 0.0
    counts = pairs["dna"].judged.key_counts
    assert counts is not None
    assert sorted(counts.tolist(), reverse=True)[:2] == [1, 1]


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    nameless = store(tmp_path / "n", [("a", "dna", [1, 0, 0, 0], Lineage())])
    named = store(tmp_path / "m", [("b", "dna", [1, 0, 0, 0], lineage("a"))])
    with pytest.raises(ClibdError, match="none of the queries has a name"):
        evaluate_stores([nameless], [named])
    with pytest.raises(ClibdError, match="have no feature image, only dna"):
        evaluate_stores([named], query_features=["image"])
    with pytest.raises(UsageError, match="'all' is no query feature"):
        evaluate_stores([named], query_features=["all"])
    with pytest.raises(ClibdError, match="is no embedding store"):
        evaluate_stores([tmp_path / "gone"])


def test_repeated_vectors_are_reported(tmp_path: Path) -> None:
    rows: list[Any] = [("a", "dna", [1, 0, 0, 0], lineage("a"))]
    store(tmp_path / "s" / "one", rows)
    store(tmp_path / "s" / "two", rows)
    assert evaluate_stores([tmp_path / "s"]).counts == {"repeated": 1}


# Photos and barcodes


def test_photos_and_barcodes_on_the_spot(workplace: Path) -> None:
    write_fasta(workplace / "d.fasta", range(3), labels=True)
    photos = write_photos(workplace / "p", range(3), prefix="s")
    inputs = Inputs([str(workplace / "d.fasta")], [str(photos)], None, [str(photos / "photos.csv")])
    found = evaluate_inputs(inputs)
    pairs = {(c.query, c.key): c for c in found.comparisons}
    assert ("mean", "mean") in pairs
    assert pairs["dna", "dna"].everything.n == 12
    assert pairs["dna", "dna"].everything.ranks["species"].accuracy.micro[1] == 1.0
    assert found.facts["model"] == "tiny"
    # The photos in the same store are not asked for any more; barcodes that are gone are an error.
    again = evaluate_inputs(Inputs([str(workplace / "d.fasta")]))
    assert [c.title for c in again.comparisons] == ["dna → dna"]
    write_fasta(workplace / "d.fasta", range(1), labels=True)
    with pytest.raises(ClibdError, match="8 specimens that are not among these inputs"):
        evaluate_inputs(Inputs([str(workplace / "d.fasta")]))


# What comes out


@pytest.fixture
def evaluation(tmp_path: Path, splits: Path) -> Evaluation:
    truth = [["a", "Diptera", "Fidae", "G", "G a"], ["u", "Diptera", "", "", "G u"]]
    named = [["a", "Diptera", "Gidae", "G", "G a"], ["u", "Odonata", "", "", ""]]
    return evaluate_tables(
        table(tmp_path / "p.csv", named), table(tmp_path / "t.csv", truth), split=splits
    )


def test_scores_as_csv(tmp_path: Path, evaluation: Evaluation) -> None:
    write_scores(evaluation, tmp_path / "m.csv")
    with (tmp_path / "m.csv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert list(rows[0]) == list(SCORE_COLUMNS)
    found = {(row["set"], row["rank"]): row for row in rows}
    assert len(found) == 16
    assert found["seen", "species"]["micro_top1"] == "1.0000"
    assert found["unseen", "order"]["macro_top1"] == "0.0000"
    assert found["unseen", "family"]["micro_top1"] == ""
    assert found["all", "order"]["n"] == "2"
    assert found["harmonic_mean", "order"]["micro_top1"] == "0.0000"


def test_scores_as_markdown(tmp_path: Path, evaluation: Evaluation) -> None:
    write_scores(evaluation, tmp_path / "m.md")
    text = (tmp_path / "m.md").read_text(encoding="utf-8")
    assert text.startswith("| set | measure | order | family | genus | species |\n| :-- | :-- |")
    assert "| seen | micro top-1 | 100.0 | 0.0 | 100.0 | 100.0 |" in text
    assert "| unseen | named | 100.0 |  |  | 0.0 |" in text
    with pytest.raises(UsageError, match=r"m\.docx"):
        write_scores(evaluation, tmp_path / "m.docx")


def test_plots_of_tables(tmp_path: Path, evaluation: Evaluation) -> None:
    pytest.importorskip("matplotlib")
    paths = draw_plots(evaluation, tmp_path / "plots", "order")
    assert [path.name for path in paths] == [
        f"{stem}.{suffix}"
        for stem in ("accuracy_by_keys", "confusion.order")
        for suffix in ("png", "svg")
    ]
    assert all(path.stat().st_size > 1000 for path in paths)


def test_plots_of_stores(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    rows = random_rows(3, 8, ["image", "dna"], "s")
    found = evaluate_stores([store(tmp_path / "s", rows)], None, ["image", "mean"], ["dna"])
    drawn = {path.name for path in draw_plots(found, tmp_path / "plots") if path.suffix == ".png"}
    assert drawn == {
        *(f"{what}.{pair}.png" for what in ("accuracy_by_keys", "confusion.family")
          for pair in ("image-dna", "mean-dna")),
        "map.png",
    }  # fmt: skip


def test_of_many_comparisons_the_plain_ones_are_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    rows = random_rows(4, 8, ["image", "dna"], "s")
    found = evaluate_stores([store(tmp_path / "s", rows)])
    assert len(found.comparisons) > 9
    drawn = {p.name for p in draw_plots(found, tmp_path / "p") if p.name.startswith("acc")}
    assert {name.split(".")[1] for name in drawn} == {
        "image-image", "image-dna", "dna-image", "dna-dna"
    }  # fmt: skip


@pytest.mark.realdata
@pytest.mark.slow
def test_real_barcodes_with_an_official_checkpoint(
    shared_data: Path, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from clibd_cli.tasks.models import add_model

    golden = shared_data.parent / "goldens" / "official_tiny_idt"
    monkeypatch.setenv("CLIBD_HOME", str(workplace / "home"))
    add_model(str(golden / "best.pth"), "official", vocab=str(golden / "vocab.txt"))
    source = shared_data / "bold_tsv" / "bold_v5_odonata_norway.tsv"
    embed(Inputs([str(source)]), "odonata.embeddings")
    found = evaluate_stores(["odonata.embeddings"]).to_json()
    assert found["n"] == 70  # of 85 records: 15 have no sequence
    rows = pq.read_table("odonata.embeddings")
    vectors = np.array(rows["embedding"].to_pylist())
    genera = np.array(rows["genus"].to_pylist(), dtype=object)
    cosines = vectors @ vectors.T - 2 * np.eye(70)
    named = genera != None  # noqa: E711
    hits = (genera[cosines.argmax(axis=1)] == genera)[named]
    assert found["ranks"]["genus"]["micro"]["top1"] == pytest.approx(hits.mean(), abs=0.02)
    assert found["details"]["genus"]["n"] == named.sum()
    assert found["ranks"]["order"]["micro"]["top1"] == 1.0
