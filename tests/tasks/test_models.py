from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from clibd_cli.core.errors import ClibdError
from clibd_cli.models import published, registry
from clibd_cli.models.cards import HubFile, ModelCard
from clibd_cli.tasks import models as task
from tests.models.hub_fixtures import hub  # noqa: F401
from tests.models.hub_server import FakeHub

REPO = "bioscan-ml/clibd"
WEIGHTS = bytes(range(256)) * 8


class Warnings:
    """A listener that keeps what it is told."""

    live = False

    def __init__(self) -> None:
        self.messages: list[str] = []

    def begin(self, label: str, total: int | None) -> None:
        """Nothing."""

    def advance(self, n: int = 1) -> None:
        """Nothing."""

    def warn(self, message: str) -> None:
        self.messages.append(message)


@dataclass
class FakeInstaller:
    """Stands for the conversion: keeps the arguments, writes a card, makes no tensors.

    Attributes:
        text_rows: word pieces of the text tower of every checkpoint; None for none.
    """

    text_rows: int | None = None
    calls: list[dict[str, Any]] = field(default_factory=list)

    def install(self, source: Path, name: str, home: Path, **settings: Any) -> ModelCard:
        vocab = settings.get("vocab")
        if callable(vocab):
            settings["vocab"] = None if self.text_rows is None else vocab(self.text_rows)
        self.calls.append({"source": source, "name": name, "home": home, **settings})
        start = settings.get("base") or ModelCard(name=name, title=name, source=source.name)
        digest = hashlib.sha256(source.read_bytes()).hexdigest()
        card = replace(start, name=name, weights_sha256=digest).with_fingerprint()
        registry.write_card(home / name, card)
        return card


@pytest.fixture
def installer(monkeypatch: pytest.MonkeyPatch) -> FakeInstaller:
    fake = FakeInstaller()
    monkeypatch.setattr("clibd_cli.models.install.install_checkpoint", fake.install)
    return fake


@pytest.fixture(autouse=True)
def _no_choice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CLIBD_MODEL", raising=False)
    monkeypatch.setenv("CLIBD_HOME", str(tmp_path / "clibd"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "clibd" / "models"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "best.pth"
    path.write_bytes(WEIGHTS)
    return path


@pytest.fixture
def stocked(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:  # noqa: F811
    """A hub that has `clibd-1m` and its vocabulary where the published card says."""
    card = published.published_cards()["clibd-1m"]
    assert card.hub is not None
    words = b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n"
    vocab = HubFile("google-bert/bert", "vocab.txt", sha256=hashlib.sha256(words).hexdigest())
    card = replace(card, hub=replace(card.hub, revision="main"), vocab=vocab)
    use_published(monkeypatch, card)
    monkeypatch.setattr("clibd_cli.tasks.model_files.BERT_UNCASED_VOCAB", vocab)
    hub.put(REPO, {card.hub.path: WEIGHTS} if card.hub else {})
    hub.put("google-bert/bert", {"vocab.txt": words})
    yield hub


def use_published(monkeypatch: pytest.MonkeyPatch, card: ModelCard) -> None:
    for module in ("clibd_cli.tasks.models", "clibd_cli.models.registry"):
        monkeypatch.setattr(f"{module}.published_cards", lambda: {card.name: card})


def test_add_installs_a_file_and_makes_it_the_default(
    installer: FakeInstaller, checkpoint: Path, home: Path
) -> None:
    card = task.add_model(checkpoint, "clibd-1m", dna_pooling="logits_mean")
    assert installer.calls == [
        {
            "source": checkpoint,
            "name": "clibd-1m",
            "home": home,
            "dna_pooling": "logits_mean",
            "vocab": None,
            "overwrite": False,
        }
    ]
    assert card.hub is None
    assert registry.default_model(home) == "clibd-1m"
    assert task.resolve_model_folder() == home / "clibd-1m"


def test_the_model_added_last_is_the_default(
    installer: FakeInstaller, checkpoint: Path, home: Path
) -> None:
    task.add_model(checkpoint, "a")
    task.add_model(checkpoint, "b")
    assert registry.default_model(home) == "b"
    task.remove_model("b")
    assert registry.default_model(home) == "a"


def test_a_name_that_is_taken_is_refused_before_anything_is_read(
    installer: FakeInstaller, checkpoint: Path
) -> None:
    task.add_model(checkpoint, "mine")
    with pytest.raises(ClibdError, match="already a model mine") as caught:
        task.add_model("hf:no/where/file.pth", "mine")
    assert "--overwrite" in (caught.value.hint or "")
    task.add_model(checkpoint, "mine", overwrite=True)
    assert [call["overwrite"] for call in installer.calls] == [False, True]


def test_a_broken_model_may_be_added_anew(
    installer: FakeInstaller, checkpoint: Path, home: Path
) -> None:
    (home / "mine").mkdir(parents=True)
    task.add_model(checkpoint, "mine")
    assert installer.calls[0]["overwrite"] is True


@pytest.mark.parametrize("name", ["../x", "", "clibd-demo"])
def test_names_that_cannot_be(installer: FakeInstaller, checkpoint: Path, name: str) -> None:
    with pytest.raises(ClibdError):
        task.add_model(checkpoint, name)
    assert installer.calls == []


def test_a_file_that_is_not_there_is_named(installer: FakeInstaller, tmp_path: Path) -> None:
    with pytest.raises(ClibdError, match=r"checkpoint .*gone\.pth does not exist"):
        task.add_model(tmp_path / "gone.pth", "mine")
    with pytest.raises(ClibdError, match="is a folder"):
        task.add_model(tmp_path, "mine")
    (tmp_path / "best.pth").write_bytes(b"x")
    with pytest.raises(ClibdError, match=r"vocabulary .*gone\.txt does not exist"):
        task.add_model(tmp_path / "best.pth", "mine", vocab=tmp_path / "gone.txt")


def test_add_from_the_hub_records_commit_and_digest(
    installer: FakeInstaller, stocked: FakeHub, home: Path
) -> None:
    path = next(iter(stocked.repositories[REPO].commits.values())).copy().popitem()[0]
    card = task.add_model(f"hf:{REPO}/{path}", "mine", vocab="hf:google-bert/bert/vocab.txt")
    commit = stocked.repositories[REPO].branches["main"]
    digest = hashlib.sha256(WEIGHTS).hexdigest()
    assert card.hub == HubFile(REPO, path, commit, digest)
    assert card.source == f"hf:{REPO}/{path}@{commit}"
    assert registry.read_card(home / "mine") == card
    assert installer.calls[0]["source"].read_bytes() == WEIGHTS
    assert installer.calls[0]["vocab"].name == "vocab.txt"


def test_a_text_tower_of_berts_size_gets_berts_vocabulary(
    installer: FakeInstaller, stocked: FakeHub, checkpoint: Path
) -> None:
    installer.text_rows = 30_522
    task.add_model(checkpoint, "mine")
    assert installer.calls[0]["vocab"].read_bytes().startswith(b"[PAD]")


def test_without_the_hub_the_vocabulary_must_be_given(
    installer: FakeInstaller, stocked: FakeHub, checkpoint: Path
) -> None:
    installer.text_rows = 30_522
    stocked.repositories.clear()
    with pytest.raises(ClibdError, match="has a text tower") as caught:
        task.add_model(checkpoint, "mine")
    assert "--vocab FILE" in (caught.value.hint or "")
    assert installer.calls == []


def test_a_text_tower_of_another_size_asks_no_hub(
    installer: FakeInstaller, stocked: FakeHub, checkpoint: Path
) -> None:
    installer.text_rows = 400
    task.add_model(checkpoint, "mine")
    assert installer.calls[0]["vocab"] is None
    assert stocked.seen == []


def test_pull_installs_under_the_published_card(
    installer: FakeInstaller, stocked: FakeHub, home: Path
) -> None:
    card = task.pull_model("clibd-1m")
    call = installer.calls[0]
    assert call["source"].read_bytes() == WEIGHTS
    assert call["dna_pooling"] == "logits_softmax_mean"
    assert call["vocab"].read_bytes().startswith(b"[PAD]")
    assert card.title == "CLIBD (image + DNA + text), trained on BIOSCAN-1M"
    assert card.hub is not None
    assert card.hub.revision == stocked.repositories[REPO].branches["main"]
    assert card.hub.sha256 == hashlib.sha256(WEIGHTS).hexdigest()
    assert card.vocab is not None
    assert card.vocab.revision == stocked.repositories["google-bert/bert"].branches["main"]
    assert registry.default_model(home) == "clibd-1m"


def test_pulling_what_is_here_fetches_nothing_and_makes_it_the_default(
    installer: FakeInstaller, stocked: FakeHub, checkpoint: Path, home: Path
) -> None:
    first = task.pull_model("clibd-1m")
    task.add_model(checkpoint, "mine")
    stocked.seen.clear()
    assert task.pull_model("clibd-1m") == first
    assert stocked.seen == []
    assert registry.default_model(home) == "clibd-1m"


def test_pulling_anew_uses_the_cache(installer: FakeInstaller, stocked: FakeHub) -> None:
    task.pull_model("clibd-1m")
    task.pull_model("clibd-1m", overwrite=True, dna_pooling="logits_mean")
    assert len(stocked.bodies()) == 1
    assert [call["overwrite"] for call in installer.calls] == [False, True]
    assert installer.calls[1]["dna_pooling"] == "logits_mean"


def test_pull_does_not_replace_a_model_of_your_own(
    installer: FakeInstaller, stocked: FakeHub, checkpoint: Path
) -> None:
    task.add_model(checkpoint, "clibd-1m")
    with pytest.raises(ClibdError, match="already a model clibd-1m"):
        task.pull_model("clibd-1m")
    assert stocked.seen == []


def test_a_failed_pull_installs_nothing(
    installer: FakeInstaller, stocked: FakeHub, home: Path
) -> None:
    stocked.damage = True
    with pytest.raises(ClibdError, match="damaged"):
        task.pull_model("clibd-1m")
    assert installer.calls == []
    assert registry.installed(home) == []
    assert registry.default_model(home) is None


def test_pull_of_an_unknown_name_lists_similar_ones() -> None:
    with pytest.raises(ClibdError, match="no model called clibd-2m") as caught:
        task.pull_model("clibd-2m")
    assert "clibd-1m" in (caught.value.hint or "")


def test_a_home_in_the_temporary_folder_is_warned_of(
    installer: FakeInstaller,
    checkpoint: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.delenv("CLIBD_HOME")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr("platformdirs.user_data_dir", lambda *args, **kwargs: "~/clibd")
    listener = Warnings()
    task.add_model(checkpoint, "mine", progress=listener)
    assert "CLIBD_HOME" in listener.messages[0]
    assert task.resolve_model_folder().is_relative_to(tmp_path / "temporary")


@pytest.fixture
def demo_builds(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Where the demo model was asked to be built."""
    from clibd_cli.models import demo

    builds: list[Path] = []
    build = demo.demo_model_files

    def counted(folder: Path) -> ModelCard:
        builds.append(folder)
        return build(folder)

    monkeypatch.setattr(demo, "demo_model_files", counted)
    return builds


def test_without_a_model_the_demo_is_built_once_with_a_warning(
    demo_builds: list[Path], home: Path
) -> None:
    listener = Warnings()
    assert task.resolve_model_folder(progress=listener) == home / "clibd-demo"
    assert "untrained" in listener.messages[0]
    assert "clibd models pull clibd-1m" in listener.messages[0]
    assert task.resolve_model_folder(progress=listener) == home / "clibd-demo"
    assert len(demo_builds) == 1
    assert registry.default_model(home) is None


def test_the_demo_by_name_needs_no_warning(demo_builds: list[Path], home: Path) -> None:
    listener = Warnings()
    assert task.resolve_model_folder("clibd-demo", progress=listener) == home / "clibd-demo"
    assert listener.messages == []
    assert [entry.state for entry in task.list_models()][-1] == "built in"
    assert task.show_model("clibd-demo").card is not None


def test_a_broken_demo_is_built_anew(demo_builds: list[Path], home: Path) -> None:
    task.resolve_model_folder("clibd-demo")
    (home / "clibd-demo" / "card.json").write_text("{", "utf-8")
    task.resolve_model_folder("clibd-demo")
    assert len(demo_builds) == 2
    (home / "clibd-demo" / "model.safetensors").write_bytes(b"x")
    task.resolve_model_folder("clibd-demo")
    assert len(demo_builds) == 3


def test_the_demo_of_an_older_clibd_is_built_anew(demo_builds: list[Path], home: Path) -> None:
    folder = task.resolve_model_folder("clibd-demo")
    weights = folder / "model.safetensors"
    today = registry.read_card(folder)
    weights.write_bytes(weights.read_bytes() + b" ")
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    registry.write_card(folder, replace(today, weights_sha256=digest).with_fingerprint())
    task.resolve_model_folder("clibd-demo")
    assert len(demo_builds) == 2
    assert registry.read_card(folder) == today


def test_a_full_disk_has_the_demo_elsewhere_and_two_of_them_an_error(
    monkeypatch: pytest.MonkeyPatch, home: Path, tmp_path: Path
) -> None:
    from safetensors import SafetensorError

    full = [home]

    def no_space(arrays: object, path: Path, metadata: object) -> None:
        if any(path.is_relative_to(folder) for folder in full):
            raise SafetensorError("I/O error: No space left on device (os error 28)")
        save_file(arrays, path, metadata=metadata)

    from safetensors.numpy import save_file

    monkeypatch.setattr("safetensors.numpy.save_file", no_space)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    assert task.resolve_model_folder("clibd-demo").is_relative_to(tmp_path / "temporary")
    full.append(tmp_path)
    (tmp_path / "temporary").rename(tmp_path / "gone")
    with pytest.raises(ClibdError, match=r"clibd-demo cannot be written: .*No space left"):
        task.resolve_model_folder("clibd-demo")


def test_a_home_that_cannot_be_written_to_has_the_demo_elsewhere(
    demo_builds: list[Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("CLIBD_HOME", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    assert task.resolve_model_folder("clibd-demo").is_relative_to(tmp_path / "temporary")


def test_an_installed_model_goes_before_the_demo(
    installer: FakeInstaller, demo_builds: list[Path], checkpoint: Path, home: Path
) -> None:
    task.resolve_model_folder("clibd-demo")
    task.add_model(checkpoint, "mine")
    assert task.resolve_model_folder() == home / "mine"
    assert task.resolve_model_folder(str(home / "mine")) == home / "mine"


@pytest.fixture
def real_files(tmp_path: Path) -> dict[str, Path]:
    """A tiny checkpoint in the official layout, with its vocabulary."""
    from tests.models import tiny

    (tmp_path / "lab").mkdir()
    return {
        "best.pth": tiny.save(tiny.clibd_state(), tmp_path / "lab" / "best.pth"),
        "vocab.txt": tiny.write_vocab(tmp_path / "lab" / "vocab.txt"),
    }


def test_a_real_checkpoint_pulled_or_added_is_the_same_model(
    hub: FakeHub,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    home: Path,
    real_files: dict[str, Path],
) -> None:
    hub.put("lab/tiny", {name: path.read_bytes() for name, path in real_files.items()})
    hub.break_after = [100_000]
    card = replace(
        published.published_cards()["clibd-1m"],
        hub=HubFile("lab/tiny", "best.pth"),
        vocab=HubFile("lab/tiny", "vocab.txt"),
    )
    use_published(monkeypatch, card)
    pulled = task.pull_model("clibd-1m")
    first, second, *_ = (seen.range for seen in hub.bodies())
    assert (first, (second or "")[:6]) == (None, "bytes=")
    assert pulled.modalities == ("image", "dna", "text")
    assert pulled.dna is not None
    assert pulled.dna.pooling == "logits_softmax_mean"
    assert pulled.citation == card.citation
    assert registry.read_card(home / "clibd-1m") == pulled
    added = task.add_model(real_files["best.pth"], "by-hand", vocab=real_files["vocab.txt"])
    assert added.fingerprint == pulled.fingerprint is not None
    assert [card.name for card in registry.installed(home)] == ["by-hand", "clibd-1m"]


def test_a_real_text_tower_of_its_own_size_needs_a_vocabulary(
    real_files: dict[str, Path], home: Path
) -> None:
    with pytest.raises(ClibdError, match="vocabulary") as caught:
        task.add_model(real_files["best.pth"], "wordless")
    assert "--vocab FILE" in (caught.value.hint or "")
    assert registry.installed(home) == []


def test_a_checkpoint_is_read_once(
    real_files: dict[str, Path], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from clibd_cli.models import checkpoint

    reads: list[Path] = []
    read = checkpoint.read_tensors

    def counted(path: Path) -> checkpoint.RawCheckpoint:
        reads.append(path)
        return read(path)

    monkeypatch.setattr(checkpoint, "read_tensors", counted)
    monkeypatch.setattr("clibd_cli.tasks.model_files.BERT_UNCASED_SIZE", 68)
    monkeypatch.setattr(
        "clibd_cli.tasks.model_files._bert_vocabulary", lambda *_, bar: real_files["vocab.txt"]
    )
    card = task.add_model(real_files["best.pth"], "mine")
    assert reads == [real_files["best.pth"]]
    assert card.vocab_sha256 == hashlib.sha256(real_files["vocab.txt"].read_bytes()).hexdigest()
