from __future__ import annotations

import errno
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clibd_cli.core.errors import ClibdError, UsageError
from clibd_cli.models.cards import HubFile
from clibd_cli.models.hub import cached_path, fetch, hub_source, is_hub_source, parse_hub_source
from tests.models.hub_fixtures import hub  # noqa: F401
from tests.models.hub_server import FakeHub

REPO = "bioscan-ml/clibd"
WEIGHTS = bytes(range(256)) * 40
WEIGHTS_SHA256 = hashlib.sha256(WEIGHTS).hexdigest()
BEST = HubFile(REPO, "ckpt/run/best.pth")
VOCAB = HubFile(REPO, "vocab.txt")


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


@pytest.fixture
def filled(hub: FakeHub) -> FakeHub:  # noqa: F811
    hub.put(REPO, {BEST.path: WEIGHTS, VOCAB.path: b"[PAD]\n[UNK]\n", "ckpt/run/last.pth": b"x"})
    return hub


def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants
    from huggingface_hub.utils import close_session

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    close_session()  # a session keeps the switch it was made with


def test_a_file_is_fetched_at_its_commit_and_checked(filled: FakeHub) -> None:
    fetched = fetch(BEST, "clibd-1m")
    assert fetched.path.read_bytes() == WEIGHTS
    assert fetched.sha256 == WEIGHTS_SHA256
    assert fetched.commit == filled.repositories[REPO].branches["main"]
    assert fetched.verified


def test_the_cache_is_the_librarys_own(filled: FakeHub) -> None:
    from huggingface_hub import hf_hub_download

    fetched = fetch(BEST, "clibd-1m")
    count = len(filled.bodies())
    other_tool = hf_hub_download(REPO, BEST.path, endpoint=filled.url)
    assert Path(other_tool) == fetched.path
    assert len(filled.bodies()) == count == 1


def test_a_second_fetch_asks_for_no_bytes(filled: FakeHub) -> None:
    first = fetch(BEST, "clibd-1m")
    assert fetch(BEST, "clibd-1m") == first
    assert len(filled.bodies()) == 1


def test_a_pinned_file_in_the_cache_needs_no_network_at_all(filled: FakeHub) -> None:
    pinned = replace(BEST, revision=filled.repositories[REPO].branches["main"])
    first = fetch(pinned, "clibd-1m")
    filled.seen.clear()
    assert fetch(pinned, "clibd-1m") == first
    assert filled.seen == []


def test_a_branch_that_moved_is_fetched_anew(filled: FakeHub) -> None:
    first = fetch(BEST, "clibd-1m")
    filled.put(REPO, {BEST.path: WEIGHTS[::-1]})
    second = fetch(BEST, "clibd-1m")
    assert second.path.read_bytes() == WEIGHTS[::-1]
    assert second.commit != first.commit
    assert first.path.read_bytes() == WEIGHTS


def test_a_lost_connection_is_picked_up_where_it_broke(filled: FakeHub) -> None:
    filled.break_after = [3000]
    assert fetch(BEST, "clibd-1m").sha256 == WEIGHTS_SHA256
    ranges = [seen.range for seen in filled.bodies()]
    assert ranges[0] is None
    # Whole blocks of the download arrive; what was read of the last one is fetched again.
    assert ranges[1:] == ["bytes=2048-"]


def test_a_new_run_goes_on_where_the_last_one_stopped(
    filled: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(seconds: float) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("huggingface_hub.file_download.time.sleep", stop)
        filled.break_after = [3000]
        with pytest.raises(KeyboardInterrupt):
            fetch(BEST, "clibd-1m")
    assert cached_path(BEST) is None
    assert fetch(BEST, "clibd-1m").path.read_bytes() == WEIGHTS
    assert [seen.range for seen in filled.bodies()] == [None, "bytes=2048-"]


def test_a_server_that_cannot_go_on_starts_over(filled: FakeHub) -> None:
    filled.break_after, filled.ignore_range = [3000], True
    assert fetch(BEST, "clibd-1m").path.read_bytes() == WEIGHTS


def test_a_connection_that_never_holds_is_an_error_with_a_next_step(filled: FakeHub) -> None:
    filled.break_after = [0] * 20
    with pytest.raises(ClibdError) as caught:
        fetch(BEST, "clibd-1m")
    assert "could not be fetched" in caught.value.message
    assert "run the command again" in (caught.value.hint or "")


def test_damaged_bytes_are_refused_and_thrown_away(filled: FakeHub) -> None:
    filled.damage = True
    with pytest.raises(ClibdError, match="arrived damaged") as caught:
        fetch(BEST, "clibd-1m")
    assert WEIGHTS_SHA256 in caught.value.message
    filled.damage = False
    assert fetch(BEST, "clibd-1m").sha256 == WEIGHTS_SHA256


def test_a_file_other_than_the_cards_is_refused(filled: FakeHub) -> None:
    with pytest.raises(ClibdError, match="is not the file that clibd knows") as caught:
        fetch(replace(BEST, sha256="0" * 64), "clibd-1m")
    assert WEIGHTS_SHA256 in caught.value.message
    assert "hf:bioscan-ml/clibd/ckpt/run/best.pth@" in (caught.value.hint or "")


def test_a_small_file_is_fetched_and_its_digest_told(filled: FakeHub) -> None:
    fetched = fetch(VOCAB, "clibd-1m")
    assert fetched.sha256 == hashlib.sha256(b"[PAD]\n[UNK]\n").hexdigest()
    assert not fetched.verified
    assert fetch(replace(VOCAB, sha256=fetched.sha256), "clibd-1m").verified


def test_the_token_is_shown_to_the_hub_and_not_to_its_storage(
    filled: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    fetch(BEST, "clibd-1m")
    tokens = {"/storage/" in seen.path: seen.token for seen in filled.seen}
    assert tokens == {False: "Bearer hf_secret", True: None}


@pytest.mark.parametrize(
    ("file", "message", "hint"),
    [
        (replace(BEST, path="ckpt/run/bset.pth"), "has no file ckpt/run/bset.pth", "models add"),
        (replace(BEST, repo="bioscan-ml/gone"), "bioscan-ml/gone is not on the hub", "add FILE"),
        (replace(BEST, revision="v9"), "has no revision v9", "hf:bioscan-ml/clibd/ckpt"),
        (replace(BEST, revision="f" * 40), "has no revision ffff", "add FILE --name clibd-1m"),
        (replace(BEST, repo="not--a/valid--repo-"), "cannot be a repository", "add FILE"),
    ],
)
def test_what_is_gone_is_named(filled: FakeHub, file: HubFile, message: str, hint: str) -> None:
    with pytest.raises(ClibdError) as caught:
        fetch(file, "clibd-1m")
    assert message in caught.value.message
    assert file.path in caught.value.message or "repository" in caught.value.message
    assert hint in (caught.value.hint or "")


def test_a_missing_file_comes_with_those_that_look_like_it(filled: FakeHub) -> None:
    with pytest.raises(ClibdError) as caught:
        fetch(replace(BEST, path="ckpt/run/bset.pth"), "clibd-1m")
    assert "it holds ckpt/run/best.pth" in caught.value.message


def test_a_gated_repository_says_how_to_get_in(filled: FakeHub) -> None:
    filled.repositories[REPO].gated = True
    with pytest.raises(ClibdError, match="accepted its terms") as caught:
        fetch(BEST, "clibd-1m")
    assert f"{filled.url}/{REPO}" in (caught.value.hint or "")


@pytest.mark.parametrize("status", [403, 429, 500, 503])
def test_other_refusals_tell_the_status(filled: FakeHub, status: int) -> None:
    filled.refuse_with = status
    with pytest.raises(ClibdError, match=str(status)) as caught:
        fetch(BEST, "clibd-1m")
    assert "clibd models add FILE --name clibd-1m" in (caught.value.hint or "")


def test_offline_uses_the_cache(filled: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    online = fetch(BEST, "clibd-1m")
    filled.seen.clear()
    offline(monkeypatch)
    listener = Warnings()
    assert fetch(BEST, "clibd-1m", listener) == online
    assert filled.seen == []
    assert "cannot be reached" in listener.messages[0]


def test_offline_without_a_copy_is_an_error(
    filled: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    offline(monkeypatch)
    with pytest.raises(ClibdError, match="HF_HUB_OFFLINE") as caught:
        fetch(BEST, "clibd-1m")
    assert "clibd models add FILE --name clibd-1m" in (caught.value.hint or "")
    assert filled.seen == []


def test_no_network_uses_the_cache_and_else_says_so(
    filled: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    online = fetch(BEST, "clibd-1m")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    listener = Warnings()
    assert fetch(BEST, "clibd-1m", listener) == online
    assert len(listener.messages) == 1
    with pytest.raises(ClibdError, match="could not be fetched from"):
        fetch(VOCAB, "clibd-1m")


def test_a_broken_copy_in_the_cache_is_found_out(filled: FakeHub) -> None:
    pinned = replace(BEST, revision=filled.repositories[REPO].branches["main"])
    blob = fetch(pinned, "clibd-1m").path.resolve()
    blob.chmod(0o644)
    blob.write_bytes(WEIGHTS[:-1])
    with pytest.raises(ClibdError, match="damaged"):
        fetch(pinned, "clibd-1m")
    assert fetch(pinned, "clibd-1m").sha256 == WEIGHTS_SHA256


def test_a_full_disk_is_told_as_such(filled: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("huggingface_hub.file_download.http_get", full)
    with pytest.raises(ClibdError, match="the disk is full") as caught:
        fetch(BEST, "clibd-1m")
    assert "HF_HOME" in (caught.value.hint or "")


def test_where_nothing_can_be_continued_the_library_fetches_it_all(
    filled: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clibd_cli.models.hub.download_blob", lambda file, remote: None)
    assert fetch(BEST, "clibd-1m").sha256 == WEIGHTS_SHA256


def test_bars_are_off_for_a_silent_caller(
    filled: FakeHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from huggingface_hub.utils import are_progress_bars_disabled

    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    fetch(BEST, "clibd-1m")
    assert capsys.readouterr().err == ""
    assert not are_progress_bars_disabled()


@pytest.mark.parametrize(
    ("source", "file"),
    [
        ("hf:a/b/c.pth", HubFile("a/b", "c.pth", "main")),
        ("hf:a/b/d/c.pth@v1", HubFile("a/b", "d/c.pth", "v1")),
        ("hf:a/b/c.pth@refs/pr/2", HubFile("a/b", "c.pth", "refs/pr/2")),
    ],
)
def test_hub_sources(source: str, file: HubFile) -> None:
    assert parse_hub_source(source) == file
    assert source.startswith(hub_source(file))


@pytest.mark.parametrize(
    "source",
    [
        "hf:",
        "hf:a",
        "hf:a/b",
        "hf:a/b/",
        "hf:a//c",
        "hf:a/b/../c",
        "hf:a/b/c@",
        "hf:a/b/c@../x",
        "hf:../b/c",
        "hf:a/b/c\\d",
        "a/b/c",
    ],
)
def test_what_is_no_hub_source(source: str) -> None:
    with pytest.raises(UsageError, match="does not name a file"):
        parse_hub_source(source)


@settings(deadline=None)
@given(st.text(alphabet="ab/.@:-\\hf ", max_size=30))
def test_a_hub_source_never_leaves_its_repository(text: str) -> None:
    try:
        file = parse_hub_source("hf:" + text)
    except UsageError:
        return
    assert is_hub_source(hub_source(file))
    assert file.repo.count("/") == 1
    for part in (*file.repo.split("/"), *file.path.split("/"), *file.revision.split("/")):
        assert part != ".."
    assert parse_hub_source(f"{hub_source(file)}@{file.revision}") == file
