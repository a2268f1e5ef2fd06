"""The card and the weights of a trained model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.shipped import OWN_MODEL
from clibd_cli.models.cards import ModelCard
from clibd_cli.models.home import models_home
from clibd_cli.models.model import load_model
from clibd_cli.models.registry import default_model
from clibd_cli.training.example import Example, Examples
from clibd_cli.training.finish import Outcome, install_trained
from clibd_cli.training.settings_fields import TrainSettings
from clibd_cli.training.tower_start import TrainTowers, start_towers
from tests.made_inputs import SPECIES, barcode_of

EXAMPLES = Examples([Example("a", None, barcode_of(0), SPECIES[0])])
METRICS = {
    "seen.dna_to_dna.order": 1.0,
    "seen.dna_to_dna.species": 0.98765,
    "seen.dna_to_dna.species.known": 0.99,
    "unseen.dna_to_dna.genus": 0.5,
}


def started(settings: TrainSettings) -> TrainTowers:
    return start_towers(settings, EXAMPLES)


def test_the_card_says_where_the_model_comes_from(workplace: Path, tmp_path: Path) -> None:
    settings = TrainSettings(
        name="m", init_model="tiny", source="Plates of 2025", licence="CC0", notes="No moths."
    )
    card = install_trained(settings, started(settings), Outcome(7, 2.5, METRICS), tmp_path)
    assert card.source.startswith("Plates of 2025; trained by clibd ")
    assert "dna from tiny (" in card.source
    assert "7 steps)" in card.source
    assert card.notes == (
        "No moths. Validation, top-1: seen.dna_to_dna.species 98.8 %, "
        "unseen.dna_to_dna.genus 50.0 %."
    )
    assert (card.title, card.licence, card.logit_scale) == ("m", "CC0", 2.5)
    assert (card.modalities, card.dim) == (("dna", "text"), 64)
    assert default_model(tmp_path) == "m"
    assert load_model(tmp_path / "m").encode("text", ["a b"]).shape == (1, 64)


BEFORE = ModelCard(
    name="first",
    title="First",
    source="Plates of 1999",
    licence="research only",
    citation="Gong et al. 2025",
    notes="No moths. Validation, top-1: seen.dna_to_dna.species 12.0 %.",
)


def test_the_terms_of_the_model_that_it_began_in_are_handed_on(
    workplace: Path, tmp_path: Path
) -> None:
    settings = TrainSettings(name="m", init_model="tiny")
    outcome = Outcome(7, 2.5, METRICS, (BEFORE,))
    card = install_trained(settings, started(settings), outcome, tmp_path)
    assert card.licence == "Begun from first: research only"
    assert card.citation == "Begun from first: Gong et al. 2025"
    assert card.notes.startswith("Begun from first: No moths. Validation, top-1: seen.dna")
    assert "12.0" not in card.notes
    assert card.source.endswith("; first: Plates of 1999")
    # The next one hands them on as they are, unless the recipe has its own.
    own = replace(settings, licence="CC0")
    card = install_trained(own, started(own), Outcome(1, 1.0, {}, (card,)), tmp_path)
    assert (card.licence, card.citation) == ("CC0", "Begun from first: Gong et al. 2025")
    assert card.notes == "Begun from first: No moths."


def test_the_card_names_the_towers_that_lora_adapted(workplace: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    both = TrainSettings(name="m", init_model="tiny", lora_rank=2)
    one = replace(both, text_tower="new:ngrams")
    for settings, says in (
        (both, "; LoRA of rank 2, 7 steps)"),
        (one, "; LoRA of rank 2 in dna, 7 steps)"),
        (replace(both, freeze=("text",)), "text as it was; LoRA of rank 2, 7 steps)"),
    ):
        card = install_trained(settings, started(settings), Outcome(7, 2.5), tmp_path)
        assert says in card.source


def test_another_model_may_stay_the_default(workplace: Path, tmp_path: Path) -> None:
    first = TrainSettings(name="first", init_model="tiny")
    install_trained(first, started(first), Outcome(1, 1.0), tmp_path)
    (tmp_path / ".default").unlink()  # a copied home, where it is the default as the newest
    trial = replace(first, name="trial", make_default=False)
    install_trained(trial, started(trial), Outcome(1, 1.0), tmp_path)
    assert default_model(tmp_path) == "first"


def test_the_model_that_ships_may_stay_the_default(
    workplace: Path, tmp_path: Path, nothing_ships: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clibd_cli.models.registry.shipped_model", lambda: nothing_ships)
    trial = TrainSettings(name="trial", init_model="tiny", make_default=False)
    install_trained(trial, started(trial), Outcome(1, 1.0), tmp_path)
    assert default_model(tmp_path) == OWN_MODEL


def test_the_fingerprint_is_told_before_the_model_has_its_place(
    workplace: Path, tmp_path: Path
) -> None:
    settings = TrainSettings(name="m", init_model="tiny")
    told: list[str] = []

    def note(fingerprint: str) -> None:
        assert not (tmp_path / "m").exists()
        told.append(fingerprint)

    card = install_trained(settings, started(settings), Outcome(1, 1.0), tmp_path, note)
    assert told == [card.fingerprint]


def test_the_same_weights_have_the_same_fingerprint(workplace: Path, tmp_path: Path) -> None:
    settings = TrainSettings(name="m", init_model="tiny")
    first, second = (
        install_trained(settings, started(settings), Outcome(n, 1.0), tmp_path) for n in (1, 2)
    )
    assert first.fingerprint == second.fingerprint


def test_float16_is_half_as_large_and_close(workplace: Path, tmp_path: Path) -> None:
    whole = TrainSettings(name="whole", init_model="tiny")
    half = TrainSettings(name="half", init_model="tiny", weights="float16")
    sizes = [
        install_trained(s, started(s), Outcome(1, 1.0), tmp_path).size_bytes for s in (whole, half)
    ]
    assert sizes[1] < 0.52 * sizes[0]
    vectors = [
        load_model(tmp_path / name).encode("dna", [barcode_of(0)]) for name in ("whole", "half")
    ]
    assert abs(vectors[0] - vectors[1]).max() < 1e-3


def test_weights_too_large_for_float16_are_refused(workplace: Path, tmp_path: Path) -> None:
    settings = TrainSettings(name="m", init_model="tiny", weights="float16")
    towers = started(settings)
    with torch.no_grad():
        next(towers.modules["dna"].parameters())[0, 0] = 1e6
    with pytest.raises(ClibdError, match=r"dna\.words holds numbers that float16 cannot"):
        install_trained(settings, towers, Outcome(1, 1.0), tmp_path)
    assert not (tmp_path / "m").exists()


def test_a_model_may_be_replaced_by_one_that_began_in_it(workplace: Path) -> None:
    home = models_home()
    first = TrainSettings(name="again", init_model="tiny")
    install_trained(first, started(first), Outcome(1, 1.0), home)
    second = TrainSettings(name="again", init_model="again")
    card = install_trained(second, started(second), Outcome(1, 1.0), home)
    assert load_model(home / "again").fingerprint == card.fingerprint
    from clibd_cli.models.registry import remove

    remove("again", home)
