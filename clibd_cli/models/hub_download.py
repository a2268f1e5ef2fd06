"""One large file from the hub into the cache, going on where an interrupted run stopped.

huggingface_hub goes on after a lost connection, but since version 2 it forgets a half-fetched file
when the program ends. Checkpoints are large and laboratories' networks are not: here the half
stays in the cache under the name that older versions of the library give it, and the library's
own download function continues it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from clibd_cli.core.errors import ClibdError
from clibd_cli.core.version import __version__
from clibd_cli.models.cards import HubFile


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """What the hub says of a file before it is fetched.

    Attributes:
        commit: what the revision means right now.
        etag: for a large file its SHA-256, else a git object's name.
        location: where the bytes are; often on another host, with a signature in the address.
    """

    commit: str
    etag: str
    size: int | None
    location: str


def endpoint() -> str | None:
    """The hub to use where it is not the public one (`$HF_ENDPOINT`)."""
    return os.environ.get("HF_ENDPOINT") or None


def ask(file: HubFile) -> RemoteFile:
    """Resolve the revision of `file` and learn its digest and size; errors are the library's."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    url = hf_hub_url(file.repo, file.path, revision=file.revision, endpoint=endpoint())
    facts = get_hf_file_metadata(url, library_name="clibd", library_version=__version__)
    if facts.commit_hash is None or facts.etag is None:
        raise ClibdError(
            f"{url} does not answer as a Hugging Face hub does",
            "Check HF_ENDPOINT, and whether a proxy stands between this machine and the hub.",
        )
    return RemoteFile(facts.commit_hash, facts.etag, facts.size, facts.location)


def download_blob(file: HubFile, remote: RemoteFile) -> None:
    """Put the bytes of a large file into the cache, under the digest that the hub states.

    Where the installed library does not offer what is needed, nothing is done: it then fetches
    the file by itself, without going on after an interruption.
    """
    try:
        from huggingface_hub.utils import WeakFileLock
    except ImportError:
        return
    if remote.size is None:
        return
    blob = _repository_folder(file) / "blobs" / remote.etag
    lock = _cache() / ".locks" / blob.parents[1].name / f"{remote.etag}.lock"
    for folder in (blob.parent, lock.parent):
        folder.mkdir(parents=True, exist_ok=True)
    partial = blob.with_name(f"{remote.etag}.incomplete")
    with WeakFileLock(lock):
        if not blob.exists():
            _complete(partial, file, remote)
            partial.replace(blob)


def _complete(partial: Path, file: HubFile, remote: RemoteFile) -> None:
    """Fetch what is missing of `partial`, again and again for as long as bytes arrive."""
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    headers = build_hf_headers(library_name="clibd", library_version=__version__)
    if not _on_the_hub(remote.location):
        headers.pop("authorization", None)  # the token is for the hub, not for its storage
    while (have := _usable_bytes(partial, remote.size)) != remote.size:
        try:
            with partial.open("ab") as handle:
                http_get(
                    remote.location,
                    handle,
                    resume_size=have,
                    headers=headers,
                    expected_size=remote.size,
                    displayed_filename=file.path.rsplit("/", 1)[-1],
                )
        except transport_error() as error:
            if isinstance(error, HfHubHTTPError) or partial.stat().st_size <= have:
                raise


def remember_branch(file: HubFile, commit: str) -> None:
    """Note in the cache what a branch meant, as the library does, for when the hub is away."""
    if file.revision != commit:
        note = _repository_folder(file) / "refs" / file.revision
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(commit, encoding="utf-8")


@contextmanager
def progress_bars(*, shown: bool) -> Iterator[None]:
    """Let the library draw its bars on a terminal, or keep it silent."""
    from huggingface_hub.utils import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    if shown or are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


def transport_error() -> type[BaseException]:
    """The base of all network errors: the library's transport changed between its versions."""
    from huggingface_hub.errors import HfHubHTTPError

    base: type[BaseException] = HfHubHTTPError.__bases__[0]
    return base


def _usable_bytes(partial: Path, size: int | None) -> int:
    """How much of the file is there; one that is longer than the whole is thrown away."""
    partial.touch()
    if size is not None and partial.stat().st_size > size:
        os.truncate(partial, 0)
    return partial.stat().st_size


def _on_the_hub(location: str) -> bool:
    from huggingface_hub import constants

    hub = urlsplit(endpoint() or constants.ENDPOINT)
    return urlsplit(location)[:2] == hub[:2]


def _cache() -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def _repository_folder(file: HubFile) -> Path:
    from huggingface_hub.file_download import repo_folder_name

    name: str = repo_folder_name(repo_id=file.repo, repo_type="model")
    return _cache() / name
