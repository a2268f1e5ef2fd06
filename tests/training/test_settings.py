from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from clibd_cli.core.errors import ClibdError, UsageError
from clibd_cli.training.settings import (
    TrainSettings,
    read_settings,
    recipe_values,
    setting_fields,
    setting_types,
    to_toml,
)

LEAST = {"name": "m", "dna": ("a.fasta",), "dna_tower": "new:profile", "taxon_weight": 1.0}


def _read(folder: Path, text: str, **overrides: Any) -> TrainSettings:
    path = folder / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return read_settings(path, overrides)


def test_the_defaults_are_the_papers() -> None:
    found = read_settings(None, LEAST)
    assert (found.epochs, found.batch_size, found.learning_rate) == (50, 500, 5e-5)
    assert (found.start_learning_rate, found.warmup, found.lora_rank) == (1e-6, 0.3, 0)
    assert (found.label, found.temperature, found.contrastive_weight) == ("specimen", 0.07, 1.0)
    assert found.run_folder == Path("m.train")


def test_paths_in_a_recipe_are_relative_to_it_and_options_to_the_working_folder(
    tmp_path: Path,
) -> None:
    found = _read(
        tmp_path,
        'name = "m"\ndna = ["a.fasta", "-"]\nphotos = "pics"\nimage_tower = "start.pth"\n'
        'dna_tower = "new:bert"\ninit_model = "clibd-1m"\nsplit = "s.csv"\n',
        photos=["mine"],
    )
    assert found.dna == (str(tmp_path / "a.fasta"), "-")
    assert found.photos == ("mine",)
    assert found.image_tower == str(tmp_path / "start.pth")
    assert found.split == str(tmp_path / "s.csv")
    assert (found.dna_tower, found.init_model) == ("new:bert", "clibd-1m")
    (tmp_path / "best.pth").touch()
    found = _read(tmp_path, 'name = "m"\ndna = "a"\ninit_model = "best.pth"\ntaxon_weight = 1')
    assert found.init_model == str(tmp_path / "best.pth")


def test_options_come_first_and_none_is_not_given(tmp_path: Path) -> None:
    text = 'name = "m"\ndna = "a"\ndna_tower = "new:bert"\nepochs = 3\nseed = 4\ntaxon_weight = 1'
    found = _read(tmp_path, text, epochs=7, seed=None)
    assert (found.epochs, found.seed, found.taxon_weight) == (7, 4, 1.0)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('epochs = "many"', "epochs is 'many', but should be a whole number"),
        ("epochs = true", "epochs is True"),
        ("epochs = 1.5", "epochs is 1.5"),
        ('pairs = "both"', "should be one of specimen, taxon"),
        ("dna = [1]", "should be a list of texts"),
        ("rank_weights = [1, 2]", "should be a list of 4 numbers"),
        (f"learning_rate = {10**400}", "should be a smaller number"),
        (f"epochs = {10**400}", "should be a smaller number"),
        ("learning_rate = nan", "should be a number"),
        ("learn_rate = 1", "unknown key 'learn_rate'; did you mean learning_rate"),
        ("[data]\nx = 1", "has a section [data], but recipes have no sections"),
        ("[split]\nx = 1", "has a section [split]"),
        ("[[dna]]\nx = 1", "has a section [dna]"),
        ("wings = 1", "unknown key 'wings'"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(ClibdError) as told:
        _read(tmp_path, line)
    assert message in told.value.message
    assert "recipe.toml" in told.value.message
    assert len(told.value.hint or "") < 250


def test_what_is_no_toml_or_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ClibdError, match="is not TOML"):
        _read(tmp_path, "name = ")
    (tmp_path / "bytes.toml").write_bytes(b'name = "\xff"')
    with pytest.raises(ClibdError, match="is not TOML"):
        read_settings(tmp_path / "bytes.toml")
    with pytest.raises(ClibdError, match="cannot be read"):
        read_settings(tmp_path / "missing.toml")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": ""}, "no name"),
        ({"name": "../m"}, "cannot be the name"),
        ({"epochs": 0}, "epochs is 0"),
        ({"warmup": 1.5}, "warmup is 1.5"),
        ({"rank_weights": (1.0, -1.0, 1.0, 1.0)}, "rank_weights is -1"),
        ({"modalities": ("dna", "sound")}, "modalities names 'sound'"),
        ({"dna_tower": ""}, "no tower to train"),
        ({"dna_tower": "new:vit"}, "dna_tower is 'new:vit'"),
        ({"photos": ("p",)}, "there are photos but no image tower"),
        ({"modalities": ("image", "dna"), "image_tower": "new:vit"}, "photos is empty"),
        ({"modalities": ("dna",), "freeze": ("dna",)}, "every tower is frozen"),
        ({"freeze": ("text",)}, "no text tower"),
        ({"dna": ()}, "nothing to train on"),
        ({"pairs": "taxon"}, "pairs by taxon share no specimen"),
        ({"contrastive_weight": 0.0, "taxon_weight": 0.0}, "both losses"),
        ({"rank_weights": (0.0, 0.0, 0.0, 0.0)}, "all ranks have weight 0"),
        ({"batch_size": 1}, "batch_size is 1: a row alone has nothing to be contrasted with"),
        ({"patience": 2}, "patience needs validations"),
        ({"metric": "species", "split": "s.csv"}, "no metric 'species'"),
        ({"metric": "seen.dna_to_dna.genus"}, "metric needs validations"),
        ({"pairs": "taxon", "label": "bin"}, "photos without a BIN"),
        ({"seed": 2**32}, "seed is 4294967296"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as told:
        read_settings(None, {**LEAST, **changes})
    assert message in told.value.message
    assert told.value.hint


def test_photos_beside_a_dna_tower_alone_may_be_left_out_by_modality() -> None:
    read_settings(None, {**LEAST, "photos": ("p",), "modalities": ("dna",)})


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@hypothesis_settings(deadline=None, max_examples=60)
@given(
    title=_TEXT,
    rate=st.floats(0, 1e3),
    weights=st.tuples(*[st.floats(0.001, 9)] * 4),
    seed=st.integers(0, 2**32 - 1),
    metric=st.none() | st.just("unseen.dna_to_dna.genus"),
)
def test_a_recipe_reads_back_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory,
    title: str,
    rate: float,
    weights: tuple[float, ...],
    seed: int,
    metric: str | None,
) -> None:
    folder = tmp_path_factory.mktemp("recipe")
    given_values: dict[str, Any] = {
        "title": title,
        "learning_rate": rate,
        "rank_weights": weights,
        "seed": seed,
    }
    given_values |= {"metric": metric, "split": str(folder / "s.csv"), "dna": (str(folder),)}
    first = read_settings(None, {**LEAST, **given_values})
    assert _read(folder, to_toml(first)) == first


def test_relative_paths_are_written_as_absolute_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    again = _read(tmp_path, to_toml(read_settings(None, LEAST)))
    assert again.dna == (str(tmp_path / "a.fasta"),)


def test_every_setting_explains_itself_and_has_a_type_that_options_know() -> None:
    types = setting_types()
    for name, field in setting_fields().items():
        assert field.metadata["help"].endswith("."), name
        assert field.metadata["group"], name
        assert name in types


def test_what_cannot_change_the_weights_is_not_of_the_recipe() -> None:
    one = read_settings(None, LEAST)
    changed = replace(one, title="x", workers=3, stop_at=4, patience=3)
    assert recipe_values(changed) == recipe_values(one)
    assert recipe_values(replace(one, seed=3)) != recipe_values(one)


def test_a_mistake_is_the_recipes_or_the_commands(tmp_path: Path) -> None:
    text = 'name = "m"\ndna = "a"\ndna_tower = "new:bert"\ntaxon_weight = 1\n'
    with pytest.raises(ClibdError, match=r"recipe\.toml: epochs is 0") as told:
        _read(tmp_path, text + "epochs = 0", seed=3)
    assert told.value.exit_code == 1
    with pytest.raises(ClibdError, match="epochs is 0") as told:
        _read(tmp_path, text + "epochs = 3", epochs=0)
    assert told.value.exit_code == 2
    with pytest.raises(ClibdError, match="--learning-rate is nan") as told:
        _read(tmp_path, text, learning_rate=float("nan"))
    assert told.value.exit_code == 2


def test_where_data_and_towers_lie_is_not_of_the_recipe() -> None:
    one = recipe_values(read_settings(None, LEAST))
    moved = {"dna": "there/a.fasta", "split": "s.csv", "dna_tower": "there/best.pth"}
    assert recipe_values(read_settings(None, {**LEAST, **moved})) == one
    assert recipe_values(read_settings(None, {**LEAST, "min_bases": 20})) != one
