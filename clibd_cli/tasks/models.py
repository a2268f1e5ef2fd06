"""The verbs on models: list, show, pull, add, remove, and choosing the one that a run uses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.progress import SILENT, Progress
from clibd_cli.core.shipped import OWN_MODEL, shipped_model
from clibd_cli.models import registry
from clibd_cli.models.cards import DnaPooling, ModelCard, pooling_of
from clibd_cli.models.home import locate_home, models_home, temporary_home
from clibd_cli.models.hub import fetch, hub_source, pinned
from clibd_cli.models.published import published_cards
from clibd_cli.models.registry import DEMO_MODEL, ModelEntry
from clibd_cli.models.verify import verify_model
from clibd_cli.tasks.model_files import checkpoint_file, vocabulary_file


def list_models(home: Path | None = None) -> list[ModelEntry]:
    """Installed models, published ones that can be pulled, and the built-in ones."""
    return registry.list_models(home or models_home())


def show_model(name: str, home: Path | None = None) -> ModelEntry:
    """What is known about the model `name`, installed or not.

    Raises:
        ClibdError: where there is none of that name.
    """
    return registry.find_entry(name, home or models_home())


def remove_model(name: str, home: Path | None = None) -> None:
    """Delete the installed model `name`; the shared cache of the hub keeps what was fetched.

    Raises:
        ClibdError: where it is not installed.
    """
    registry.remove(name, home or models_home())


def add_model(
    source: str | Path,
    name: str,
    *,
    dna_pooling: DnaPooling | None = None,
    vocab: str | Path | None = None,
    overwrite: bool = False,
    home: Path | None = None,
    progress: Progress = SILENT,
    bar: bool = False,
) -> ModelCard:
    """Install a checkpoint in an official layout, and make it the default.

    Args:
        source: a `.pth`, `.pt` or `.safetensors` file, or `hf:owner/repository/path[@revision]`.
        dna_pooling: how barcodes become vectors; None takes what the layout needs.
        vocab: the word pieces of a text tower, a file or `hf:…`; where none is given, those of
            BERT are fetched if they fit.
        home: the folder of all models; None takes the usual one.
        bar: draw a bar on stderr while fetching.

    Returns:
        The card of the installed model.

    Raises:
        ClibdError: where the name is taken, the file cannot be had or read, or a text tower is
            left without a vocabulary.
    """
    from clibd_cli.models.install import install_checkpoint

    home = _home_to_write(home, progress)
    replaces = _make_way(name, home, overwrite)
    checkpoint, origin = checkpoint_file(str(source), name, progress, bar=bar)
    words = vocabulary_file(vocab, name, progress, bar=bar)
    card = install_checkpoint(
        checkpoint, name, home, dna_pooling=dna_pooling, vocab=words, overwrite=replaces
    )
    if origin is not None:
        card = replace(card, source=f"{hub_source(origin)}@{origin.revision}", hub=origin)
        registry.write_card(home / name, card)
    registry.set_default(home, name)
    return card


def pull_model(
    name: str,
    *,
    dna_pooling: DnaPooling | None = None,
    overwrite: bool = False,
    home: Path | None = None,
    progress: Progress = SILENT,
    bar: bool = False,
) -> ModelCard:
    """Fetch the published checkpoint `name`, check it, install it and make it the default.

    A model that is installed from the same file already is left as it is.

    Returns:
        The card of the installed model; its `hub` names the commit and the SHA-256 of the file.

    Raises:
        ClibdError: where no published checkpoint has the name, another model has it, or the
            checkpoint cannot be fetched or is not what it should be.
    """
    from clibd_cli.models.install import install_checkpoint

    published = published_cards().get(name)
    if name == OWN_MODEL and shipped_model() is not None:
        raise ClibdError(f"{name} ships with clibd, so there is nothing to pull")
    if published is None or published.hub is None:
        raise registry.unknown_model(name, list(published_cards()))
    home = _home_to_write(home, progress)
    present = next((card for card in registry.installed(home) if card.name == name), None)
    if present is not None and not overwrite and _is_from(present, published, dna_pooling):
        registry.set_default(home, name)
        return present
    replaces = _make_way(name, home, overwrite)
    weights = fetch(published.hub, name, progress, bar=bar)
    words = fetch(published.vocab, name, progress, bar=bar) if published.vocab else None
    card = install_checkpoint(
        weights.path,
        name,
        home,
        dna_pooling=dna_pooling or pooling_of(published),
        vocab=words.path if words else None,
        base=replace(
            published,
            hub=pinned(published.hub, weights),
            vocab=pinned(published.vocab, words) if published.vocab and words else None,
        ),
        overwrite=replaces,
    )
    registry.set_default(home, name)
    return card


def resolve_model_folder(
    name: str | Path | None = None, home: Path | None = None, *, progress: Progress = SILENT
) -> Path:
    """The folder of the model to use: `name`, else the default, else the untrained demo model.

    The default is the model added or pulled last, or the one that ships.

    `clibd-demo` is built the first time it is used; where it stands in for a trained model,
    `progress` is warned.

    Raises:
        ClibdError: where the model is not installed or unknown.
    """
    home = home or models_home()
    chosen = name or registry.default_model(home)
    if chosen is None:
        progress.warn(
            f"no model is installed: using {DEMO_MODEL}, which is untrained, so its names mean "
            "nothing; `clibd models pull clibd-1m` or `clibd models add FILE --name NAME` gives a "
            "trained one"
        )
        chosen = DEMO_MODEL
    if chosen == DEMO_MODEL:
        return _demo_folder(home)
    return registry.find_installed(chosen, home)


def _demo_folder(home: Path) -> Path:
    """The demo model's folder, in the temporary home where this one cannot be written to."""
    try:
        return _built_demo(home / DEMO_MODEL)
    except ClibdError:
        return _built_demo(temporary_home().models / DEMO_MODEL)


def _built_demo(folder: Path) -> Path:
    """`folder` with this version's demo model in it: built where it is missing, broken or old."""
    from clibd_cli.models.demo import FINGERPRINT, demo_model_files
    from clibd_cli.models.install import new_model_folder

    try:
        present = verify_model(folder).fingerprint
    except ClibdError:
        present = None
    if present != FINGERPRINT:
        with new_model_folder(folder) as partial:
            demo_model_files(partial)
    return folder


def _home_to_write(home: Path | None, progress: Progress) -> Path:
    if home is not None:
        return home
    located = locate_home()
    if located.warning is not None:
        progress.warn(located.warning)
    return located.models


def _make_way(name: str, home: Path, overwrite: bool) -> bool:
    """Whether something at `home/name` is to be replaced: on request, or because it is broken.

    Raises:
        ClibdError: where the name is no name, is clibd's own, or belongs to a working model.
    """
    from clibd_cli.models.install import check_name

    check_name(name)
    if name == DEMO_MODEL or (name == OWN_MODEL and shipped_model() is not None):
        raise ClibdError(f"{name} is the name of clibd's own model", "Choose another name.")
    if overwrite:
        return True
    if any(card.name == name for card in registry.installed(home)):
        raise ClibdError(
            f"there is already a model {name}",
            f"Use --overwrite to replace it, or remove it first: clibd models remove {name}",
        )
    return (home / name).exists()


def _is_from(present: ModelCard, published: ModelCard, dna_pooling: DnaPooling | None) -> bool:
    """Whether an installed model is what pulling would install."""
    ours, theirs = present.hub, published.hub
    if ours is None or theirs is None or (ours.repo, ours.path) != (theirs.repo, theirs.path):
        return False
    same_pooling = present.dna is None or dna_pooling in (None, pooling_of(present))
    return same_pooling and theirs.revision in ("main", ours.revision)
