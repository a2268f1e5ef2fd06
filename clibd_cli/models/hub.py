"""Files of the Hugging Face hub, fetched at a known commit and checked against a known digest.

The library's own cache, token, endpoint and offline switch are used, so a file that another tool
has fetched is not fetched again. A branch is resolved to its commit before anything is read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from clibd_cli.core.digest import sha256_file
from clibd_cli.core.errors import ClibdError, UsageError
from clibd_cli.core.progress import SILENT, Progress
from clibd_cli.models.cards import HubFile
from clibd_cli.models.hub_download import (
    ask,
    download_blob,
    endpoint,
    progress_bars,
    remember_branch,
)
from clibd_cli.models.hub_errors import explain, hub_failures, is_unreachable

HUB_PREFIX = "hf:"

_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SOURCE = re.compile(r"hf:([\w.-]+/[\w.-]+)/([^@\\]+)(?:@([\w./-]+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """A file of the hub on this disk.

    Attributes:
        path: in the cache that all tools of the hub share; not to be changed.
        commit: the commit it was fetched at.
        verified: whether a digest was known beforehand (from the card, or from the hub, which
            keeps one for every large file) and agreed.
    """

    path: Path
    sha256: str
    commit: str
    verified: bool


def is_hub_source(source: str) -> bool:
    """Whether `source` names a file on the hub rather than on the disk."""
    return source.startswith(HUB_PREFIX)


def parse_hub_source(source: str) -> HubFile:
    """Read `hf:owner/repository/path/in/repository[@revision]`.

    Raises:
        UsageError: where `source` is not of that form.
    """
    match = _SOURCE.fullmatch(source)
    parts = (
        [part for group in match.groups() if group for part in group.split("/")] if match else []
    )
    if match is None or not {"", ".", ".."}.isdisjoint(parts):
        raise UsageError(
            f"{source!r} does not name a file on the Hugging Face hub",
            "Write hf:owner/repository/path/to/file, with @revision at the end if you like.",
        )
    repo, path, revision = match.groups()
    return HubFile(repo, path, revision or "main")


def hub_source(file: HubFile) -> str:
    """`file` as `parse_hub_source` reads it, without its revision."""
    return f"{HUB_PREFIX}{file.repo}/{file.path}"


def fetch(
    file: HubFile, name: str, progress: Progress = SILENT, *, bar: bool = False
) -> FetchedFile:
    """Get `file` from the cache or the hub, and check it.

    Where the hub cannot be reached, the copy in the cache is used and `progress` is warned.

    Args:
        name: the model it is for; errors mention it.
        bar: let the library draw a bar, which it does if stderr is a terminal.

    Raises:
        ClibdError: where the file cannot be had, or is not what it should be.
    """
    if _COMMIT.fullmatch(file.revision) and (path := cached_path(file)) is not None:
        return _checked(file, path, file.revision, _digest_of_blob(path), name)
    try:
        return _fetch_online(file, name, bar=bar)
    except ClibdError:
        raise
    except hub_failures() as error:
        path = cached_path(file) if is_unreachable(error) else None
        if path is None:
            raise explain(error, file, name) from error
        progress.warn(f"the hub cannot be reached: {file.path} is taken from the cache as it is")
        return _checked(file, path, _commit_of(file, path), _digest_of_blob(path), name)


def pinned(file: HubFile, fetched: FetchedFile) -> HubFile:
    """`file` with the commit and the digest that it was fetched with, for the record."""
    return replace(file, revision=fetched.commit, sha256=fetched.sha256)


def cached_path(file: HubFile) -> Path | None:
    """Where the shared cache holds `file` at its revision, or None; the network is not used."""
    from huggingface_hub import constants, try_to_load_from_cache

    path = try_to_load_from_cache(
        file.repo, file.path, cache_dir=constants.HF_HUB_CACHE, revision=file.revision
    )
    return Path(path) if isinstance(path, str) else None


def _fetch_online(file: HubFile, name: str, *, bar: bool) -> FetchedFile:
    """Ask the hub what the file is, fetch it at that commit, and check it."""
    from huggingface_hub import constants, hf_hub_download

    remote = ask(file)
    known = remote.etag if _SHA256.fullmatch(remote.etag) else None
    with progress_bars(shown=bar):
        if known is not None and cached_path(replace(file, revision=remote.commit)) is None:
            download_blob(file, remote)
        path = hf_hub_download(
            file.repo,
            file.path,
            revision=remote.commit,
            cache_dir=constants.HF_HUB_CACHE,
            endpoint=endpoint(),
        )
    remember_branch(file, remote.commit)
    return _checked(file, Path(path), remote.commit, known, name)


def _checked(file: HubFile, path: Path, commit: str, known: str | None, name: str) -> FetchedFile:
    """Compare the bytes on the disk with the digests that the hub and the card state."""
    sha256 = sha256_file(path)
    where = f"{file.path} of {file.repo} at {commit[:10]}"
    if known is not None and sha256 != known:
        _forget(path)
        raise ClibdError(
            f"{where} arrived damaged: its SHA-256 is {sha256}, and the hub says {known}",
            "Run the command again; the damaged copy has been deleted.",
        )
    if file.sha256 is not None and sha256 != file.sha256:
        raise ClibdError(
            f"{where} is not the file that clibd knows: its SHA-256 is {sha256}, and the card of "
            f"{name} says {file.sha256}",
            "If you trust the file, add it under a name of your own: "
            f"clibd models add {hub_source(file)}@{commit} --name {name}-changed",
        )
    return FetchedFile(path, sha256, commit, verified=bool(known or file.sha256))


def _digest_of_blob(path: Path) -> str | None:
    """The digest by which the cache calls a large file, where the cache links to its files."""
    blob = path.resolve().name
    return blob if _SHA256.fullmatch(blob) else None


def _commit_of(file: HubFile, path: Path) -> str:
    """The commit in a path of the cache, `.../snapshots/COMMIT/path/in/repository`."""
    return path.parents[file.path.count("/")].name


def _forget(path: Path) -> None:
    """Take a damaged file out of the cache, so that it is fetched anew."""
    for copy in (path.resolve(), path):
        copy.unlink(missing_ok=True)
