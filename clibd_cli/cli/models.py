"""`clibd models`: list, show, pull, add and remove."""

from __future__ import annotations

import json as json_module
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from clibd_cli.cli import options
from clibd_cli.cli.console import LiveProgress, printable, show_summary
from clibd_cli.cli.errors import guarded
from clibd_cli.cli.model_view import as_json, facts_of, print_table

if TYPE_CHECKING:
    from clibd_cli.models.cards import ModelCard

Name = Annotated[str, typer.Argument(metavar="NAME", help="The name of a model.")]
DnaPooling = Annotated[
    Literal["logits_softmax_mean", "logits_mean", "hidden_state_mean", "cls_token"] | None,
    typer.Option(
        help="How token outputs become one vector. By default logits_softmax_mean for CLIBD, which "
        "its published weights need, and hidden_state_mean for BarcodeBERT alone."
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace a model that has the name already.")
]

app = typer.Typer(
    no_args_is_help=True,
    help="Get models and look after them.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command("list")
@guarded
def list_models(json: options.Json = False) -> None:
    """List installed models and those that can be pulled.

    Examples:

      clibd models list

      clibd models list --json
    """
    from clibd_cli.tasks.models import list_models as list_task

    entries = list_task()
    if json:
        typer.echo(json_module.dumps([as_json(entry) for entry in entries], ensure_ascii=False))
        return
    print_table(entries)
    for entry in entries:
        if entry.problem is not None:
            typer.echo(f"{entry.name} is broken: {printable(entry.problem)}", err=True)


@app.command("show")
@guarded
def show_model(name: Name, json: options.Json = False) -> None:
    """Show what is known about a model: towers, preparation, source, licence, citation.

    Example:

      clibd models show clibd-1m
    """
    from clibd_cli.tasks.models import show_model as show_task

    entry = show_task(name)
    if json:
        typer.echo(json_module.dumps(as_json(entry), ensure_ascii=False))
        return
    facts = facts_of(entry)
    width = max(len(label) for label in facts)
    for label, value in facts.items():
        typer.echo(f"{label:<{width}}  {printable(value)}")


@app.command("pull")
@guarded
def pull_model(
    name: Name,
    dna_pooling: DnaPooling = None,
    overwrite: Overwrite = False,
    quiet: options.Quiet = False,
    json: options.Json = False,
) -> None:
    """Fetch a published checkpoint from the Hugging Face hub, check it and install it.

    The file goes through the cache that all tools of the hub share (HF_HOME), is fetched at one
    commit, and its SHA-256 is compared with the one that the hub states. An interrupted fetch
    goes on where it stopped. HF_HUB_OFFLINE, HF_ENDPOINT and HF_TOKEN are honoured.

    Example:

      clibd models pull clibd-1m
    """
    from clibd_cli.tasks.models import pull_model as pull_task

    with LiveProgress(quiet) as progress:
        card = pull_task(
            name, dna_pooling=dna_pooling, overwrite=overwrite, progress=progress, bar=not quiet
        )
    _tell_installed(card, quiet=quiet, json=json)


@app.command("add")
@guarded
def add_model(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A .pth, .pt or .safetensors file in an official layout of CLIBD or BarcodeBERT, "
            "or a file of the hub, hf:owner/repository/path (and @revision, to pin it).",
        ),
    ],
    name: Annotated[str, typer.Option(metavar="NAME", help="What to call the model.")],
    dna_pooling: DnaPooling = None,
    vocab: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="The vocab.txt of the text tower, a file or hf:…; by default that of "
            "bert-base-uncased, from the hub, where it fits.",
        ),
    ] = None,
    overwrite: Overwrite = False,
    quiet: options.Quiet = False,
    json: options.Json = False,
) -> None:
    """Install a checkpoint of your own. It becomes the model that commands use by default.

    Nothing in the file is run: a checkpoint that holds anything but tensors is refused.

    Examples:

      clibd models add best.pth --name clibd-1m

      clibd models add best.pth --name mine --dna-pooling logits_mean --vocab vocab.txt

      clibd models add hf:bioscan-ml/clibd/ckpt/BarcodeBERT/5_mer/model_41.pth --name barcodes
    """
    from clibd_cli.tasks.models import add_model as add_task

    with LiveProgress(quiet) as progress:
        card = add_task(
            source,
            name,
            dna_pooling=dna_pooling,
            vocab=vocab,
            overwrite=overwrite,
            progress=progress,
            bar=not quiet,
        )
    _tell_installed(card, quiet=quiet, json=json)


@app.command("remove")
@guarded
def remove_model(name: Name, quiet: options.Quiet = False) -> None:
    """Delete an installed model. What was fetched stays in the hub's cache.

    Example:

      clibd models remove mine
    """
    from clibd_cli.tasks.models import remove_model as remove_task

    remove_task(name)
    if not quiet:
        typer.echo(f"removed {name}", err=True)


def _tell_installed(card: ModelCard, *, quiet: bool, json: bool) -> None:
    """The closing summary of `pull` and `add`."""
    from clibd_cli.tasks.models import show_model as show_task

    entry = show_task(card.name)
    facts = {
        label: value
        for label, value in facts_of(entry).items()
        if label in ("towers", "DNA pooling", "size", "fetched from", "SHA-256", "folder")
    }
    show_summary(
        f"{card.name} is installed", facts, quiet=quiet, as_json=as_json(entry) if json else None
    )
