"""Every setting of a training run, with its default and its explanation: one flat record.

The keys of a recipe (TOML) and the options of `clibd train` are the names of these fields, and
their help texts come from here, so that nothing has to be said twice. The defaults are the recipe
of the paper (Gong et al. 2025, section 4 and appendix): all parameters trained, batches of 500,
50 epochs, one cycle of the learning rate from 1e-6 to 5e-5.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Pairs = Literal["specimen", "taxon"]
LabelKind = Literal["specimen", "bin", "species"]


def _setting(
    default: Any,
    text: str,
    *,
    group: str,
    low: float | None = None,
    high: float | None = None,
    path: bool = False,
    recipe: bool = True,
) -> Any:
    """A field with its metadata.

    Args:
        text: the help text.
        group: the heading under which help and recipes show it.
        low, high: bounds of a number (each number, in a tuple), both included.
        path: whether the value is a file or folder (relative ones: see `settings.read_settings`).
        recipe: whether it can change the weights after a step; a run may go on under other values
            of those that cannot. Nor is a path in itself of the recipe: what is read there is.
    """
    recipe = recipe and not path
    facts = {"help": text, "group": group, "low": low, "high": high, "path": path, "recipe": recipe}
    return field(default=default, metadata=facts)


def _run(default: Any, text: str, **more: Any) -> Any:
    return _setting(default, text, group="Run", recipe=False, **more)


def _data(default: Any, text: str, **more: Any) -> Any:
    return _setting(default, text, group="Data", **more)


def _tower(default: Any, text: str, **more: Any) -> Any:
    return _setting(default, text, group="Towers", **more)


def _training(default: Any, text: str, **more: Any) -> Any:
    return _setting(default, text, group="Training", **more)


def _loss(default: Any, text: str, **more: Any) -> Any:
    return _setting(default, text, group="Loss", **more)


def _photo(default: Any, text: str, **more: Any) -> Any:
    return _setting(default, text, group="Photo augmentation", **more)


def _barcode(default: Any, text: str, **more: Any) -> Any:
    return _setting(default, text, group="Barcode augmentation", **more)


def _check(default: Any, text: str, **more: Any) -> Any:
    return _setting(default, text, group="Validation", recipe=False, **more)


_TOWER = (
    "`model:NAME` (that of an installed model), a checkpoint file, or `new:KIND` with KIND one of "
)


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """What to train, on what, and how. Paths are strings; see the help text of each field."""

    name: str = _run("", "Name of the trained model.")
    out: str | None = _run(
        None, "Folder of the run: log, checkpoints, curves; by default NAME.train.", path=True
    )
    title: str = _run("", "One line about the model, for its card.")
    source: str = _run("", "Where the training data came from, for the card.")
    licence: str = _run("not stated", "Terms of use of the model, for the card.")
    citation: str = _run("", "What to cite, for the card.")
    notes: str = _run("", "What else the card should say: what the model is not for.")
    weights: Literal["float32", "float16"] = _run("float32", "Number format of the stored model.")
    make_default: bool = _run(True, "Whether the model becomes the one that commands use.")
    device: Literal["auto", "cpu", "cuda", "mps"] = _run("auto", "Where to train.")
    workers: int | None = _run(
        None, "Threads that read and decode photos ahead; by default one a core.", low=0
    )
    checkpoint_every: int | None = _run(
        None, "Steps between checkpoints; by default once an epoch.", low=1
    )
    stop_at: int | None = _run(
        None, "Stop at this step with a checkpoint; the same command without it goes on.", low=1
    )

    dna: tuple[str, ...] = _data(
        (), "Barcodes: FASTA, a table with a sequence column, or a folder.", path=True
    )
    photos: tuple[str, ...] = _data((), "Photos: folders or files.", path=True)
    labels: tuple[str, ...] = _data(
        (), "Tables with an id column and order, family, genus, species.", path=True
    )
    split: str | None = _data(
        None,
        "The table of `clibd split`; without it all specimens train and none validate.",
        path=True,
    )
    min_bases: int = _data(10, "Barcodes with fewer A, C, G and T are skipped.", low=1)
    modalities: tuple[str, ...] = _data(
        (), "Kinds to train on (image, dna, text); by default all that have a tower."
    )
    pairs: Pairs = _data(  # noqa: RUF009
        "specimen", "`specimen`: photo and barcode of one animal; `taxon`: of one species."
    )

    init_model: str | None = _tower(
        None,
        "Start all towers from an installed model (its name) or a checkpoint file.",
        recipe=False,  # their weights are told by their content
    )
    image_tower: str = _tower(
        "",
        _TOWER + "vit, efficientnet_lite0; or `pretrained:efficientnet_lite0` (ImageNet).",
        recipe=False,
    )
    dna_tower: str = _tower("", _TOWER + "bert, profile.", recipe=False)
    text_tower: str = _tower("", _TOWER + "bert, ngrams.", recipe=False)
    dim: int = _tower(256, "Width of the shared space, where all towers are new.", low=1)
    vocab: str | None = _tower(
        None, "WordPiece vocabulary (vocab.txt) of a text tower that is a BERT.", path=True
    )
    dropout: float = _tower(0.1, "Dropout in new towers.", low=0, high=0.95)
    lora_rank: int = _tower(
        0, "Train only additions of this rank to query and value (LoRA); 0: all weights.", low=0
    )
    image_size: int = _tower(
        224, "Pixels of the photos that a new image tower reads.", low=32, high=1024
    )
    freeze: tuple[str, ...] = _tower((), "Kinds whose tower stays as it is (image, dna, text).")

    epochs: int = _training(50, "Passes over the training specimens.", low=1)
    steps: int | None = _training(None, "Length of the run in steps, instead of `epochs`.", low=1)
    batch_size: int = _training(
        500, "Rows a step, of all processes together; with taxon pairs: barcodes.", low=1
    )
    image_batch_size: int | None = _training(
        None, "With taxon pairs: photos a step; by default as many as barcodes.", low=1
    )
    learning_rate: float = _training(5e-5, "Peak of the one-cycle schedule.", low=0)
    image_learning_rate: float | None = _training(None, "Peak for the image tower.", low=0)
    dna_learning_rate: float | None = _training(None, "Peak for the DNA tower.", low=0)
    text_learning_rate: float | None = _training(None, "Peak for the text tower.", low=0)
    taxon_learning_rate: float | None = _training(None, "Peak for the heads of the ranks.", low=0)
    start_learning_rate: float = _training(
        1e-6, "Learning rate of the first step (where the peak is higher).", low=0
    )
    warmup: float = _training(0.3, "Share of the steps in which the rate rises.", low=0, high=1)
    weight_decay: float = _training(0.01, "AdamW's decay of matrices (no bias, no norm).", low=0)
    clip_norm: float | None = _training(
        None, "Longest gradient; longer ones are shortened to it.", low=0
    )
    precision: Literal["auto", "fp32", "bf16"] = _training(
        "auto", "Number format of the computation."
    )
    micro_batch: int | None = _training(
        None, "Items that a tower encodes at once; by default the whole batch.", low=1
    )
    gradient_caching: bool = _training(
        False, "Keep no activations: large batches on small memory, in slower steps.", recipe=False
    )
    seed: int = _training(0, "Same seed, same result.", low=0, high=2**32 - 1)

    label: LabelKind = _loss(  # noqa: RUF009
        "specimen", "Rows are alike where they share this."
    )
    positives: Literal["sum", "mean"] = _loss(
        "sum",
        "Where a row is like several others: each counts fully (`sum`, as official), or "
        "all together as one.",
    )
    contrastive_weight: float = _loss(1.0, "Weight of the contrastive loss.", low=0)
    temperature: float = _loss(0.07, "Temperature of the contrastive loss, at the start.", low=0.01)
    learnable_temperature: bool = _loss(True, "Whether the temperature is trained.")
    taxon_weight: float = _loss(
        0.0, "Weight of telling orders, families, genera and species apart.", low=0
    )
    rank_weights: tuple[float, float, float, float] = _loss(
        (0.3, 1.0, 1.0, 1.0), "Weights of the four ranks in it.", low=0
    )
    taxon_temperature: float = _loss(
        0.05, "Temperature of the heads of the ranks, at the start.", low=0.01
    )
    anchor: tuple[str, ...] = _loss(
        (),
        "Kinds (dna, text) whose tower only learns to give its first vectors for varied inputs; "
        "the others come to it.",
    )
    label_smoothing: float = _loss(
        0.05, "Share of a head's target that is spread over all names.", low=0, high=0.99
    )

    photo_augmentation: bool = _photo(True, "Vary the photos in training.")
    photo_scale_min: float = _photo(
        0.35, "Smallest share of a photo's area that is cut out.", low=0.01, high=1
    )
    photo_rotation: float = _photo(45.0, "Rotate by up to so many degrees.", low=0, high=180)
    photo_colour: float = _photo(
        0.3, "Change brightness, contrast and saturation by up to this share.", low=0, high=1
    )
    train_crop: int | None = _photo(
        None, "Pixels of training photos; fewer than the tower's are faster.", low=16
    )

    barcode_augmentation: bool = _barcode(
        True,
        "Vary the barcodes in training; by default only by cutting. barcode_reverse and "
        "barcode_shift are for k-mer towers.",
    )
    barcode_crop_probability: float = _barcode(
        0.3, "Share of barcodes of which only a stretch is shown.", low=0, high=1
    )
    barcode_crop_min: int = _barcode(150, "Shortest stretch, in bases.", low=1)
    barcode_substitutions: float = _barcode(
        0.0, "Share of bases that are exchanged.", low=0, high=1
    )
    barcode_shift: int = _barcode(0, "Bases that may be missing or added in front.", low=0)
    barcode_reverse: float = _barcode(
        0.0, "Share of barcodes shown as reverse complement.", low=0, high=1
    )

    validate_every: int = _check(1, "Epochs between validations; 0: never.", low=0)
    metric: str | None = _check(
        None,
        "What decides which weights are best, such as seen.image_to_dna.species; by default the "
        "mean of all.",
    )
    patience: int = _check(
        0, "Stop after so many validations without a better one; 0: never.", low=0
    )

    @property
    def run_folder(self) -> Path:
        """Where log, checkpoints and curves go."""
        return Path(self.out or f"{self.name}.train")
