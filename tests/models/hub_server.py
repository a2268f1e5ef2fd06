"""A stand-in for the Hugging Face hub on this machine, with the hub's addresses and headers.

Large files redirect to a "storage" address on another host name, as on the real hub, and can be
broken off in the middle or served damaged.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

LARGE = 1000
"""Files of this many bytes and more are "large": their name in the cache is their SHA-256."""


@dataclass(frozen=True)
class Seen:
    """One request that reached the server."""

    method: str
    path: str
    range: str | None
    token: str | None


@dataclass
class HubRepository:
    """Commits and branches of one repository; `gated` refuses everybody."""

    commits: dict[str, dict[str, bytes]]
    branches: dict[str, str]
    gated: bool = False


@dataclass
class FakeHub:
    """What the server holds, what was asked of it, and how it misbehaves.

    Attributes:
        break_after: bytes of storage answers after which the connection is cut, one entry an
            answer; None lets an answer through.
        damage: storage answers have their first byte changed.
        ignore_range: storage answers always begin at the first byte.
        refuse_with: every answer has this status.
    """

    repositories: dict[str, HubRepository] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    break_after: list[int | None] = field(default_factory=list)
    damage: bool = False
    ignore_range: bool = False
    refuse_with: int | None = None
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def storage_url(self) -> str:
        return f"http://localhost:{self.port}/storage"

    def bodies(self) -> list[Seen]:
        """The requests that asked for the bytes of a large file."""
        return [seen for seen in self.seen if seen.method == "GET" and "/storage/" in seen.path]

    def put(self, repo: str, files: dict[str, bytes], branch: str = "main") -> str:
        """A new commit with `files` on `branch`; returns its name."""
        facts = repr((repo, branch, sorted(files.items()))).encode()
        commit = hashlib.sha1(facts).hexdigest()
        repository = self.repositories.setdefault(repo, HubRepository({}, {}))
        repository.commits[commit] = files
        repository.branches[branch] = commit
        return commit


@contextmanager
def serving() -> Iterator[FakeHub]:
    """A running hub; it stops when the block ends."""
    hub = FakeHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    server.daemon_threads = True
    hub.port = server.server_address[1]
    # The default poll of half a second is what a test would wait for at the end.
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(hub: FakeHub) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        pass

    Handler.hub = hub
    return Handler


class _RefusalError(Exception):
    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: FakeHub

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the tests' output is for the tests."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        headers = self.headers
        token = headers.get("Authorization")
        self.hub.seen.append(Seen(self.command, path, headers.get("Range"), token))
        try:
            if self.hub.refuse_with is not None:
                raise _RefusalError(self.hub.refuse_with, "")
            if path.startswith("/storage/"):
                self._storage(path.removeprefix("/storage/"))
            elif path.startswith("/api/models/"):
                self._api(path.removeprefix("/api/models/"))
            else:
                self._resolve(path.strip("/"))
        except _RefusalError as refused:
            self._send(refused.status, {"X-Error-Code": refused.code}, b"")

    def _repository(self, repo: str) -> HubRepository:
        if repo not in self.hub.repositories:
            raise _RefusalError(404, "RepoNotFound")
        repository = self.hub.repositories[repo]
        if repository.gated:
            raise _RefusalError(403, "GatedRepo")
        return repository

    def _commit(self, repository: HubRepository, revision: str) -> str:
        commit = repository.branches.get(revision, revision)
        if commit not in repository.commits:
            raise _RefusalError(404, "RevisionNotFound")
        return commit

    def _api(self, rest: str) -> None:
        repo, _, revision = rest.partition("/revision/")
        repository = self._repository(repo)
        commit = self._commit(repository, revision or "main")
        siblings = [{"rfilename": path} for path in repository.commits[commit]]
        facts = {"id": repo, "sha": commit, "siblings": siblings, "private": False}
        self._send(200, {"Content-Type": "application/json"}, json.dumps(facts).encode())

    def _resolve(self, rest: str) -> None:
        repo, _, revision_and_path = rest.partition("/resolve/")
        repository = self._repository(repo)
        revision, _, path = revision_and_path.partition("/")
        commit = self._commit(repository, revision)
        if path not in repository.commits[commit]:
            raise _RefusalError(404, "EntryNotFound")
        content = repository.commits[commit][path]
        headers = {"X-Repo-Commit": commit}
        if len(content) < LARGE:
            digest = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            self._send(200, headers | {"ETag": f'"{digest}"'}, content)
            return
        digest = hashlib.sha256(content).hexdigest()
        headers |= {
            "X-Linked-Etag": f'"{digest}"',
            "X-Linked-Size": str(len(content)),
            "Location": f"{self.hub.storage_url}/{digest}",
        }
        self._send(302, headers, b"")

    def _storage(self, digest: str) -> None:
        contents = (
            content
            for repository in self.hub.repositories.values()
            for files in repository.commits.values()
            for content in files.values()
        )
        content = next(c for c in contents if hashlib.sha256(c).hexdigest() == digest)
        if self.hub.damage:
            content = bytes([content[0] ^ 1]) + content[1:]
        start, total = 0, len(content)
        wanted = self.headers.get("Range")
        if wanted and not self.hub.ignore_range:
            start = int(wanted.removeprefix("bytes=").split("-")[0])
        headers = {"ETag": f'"{digest}"'}
        if start:
            headers["Content-Range"] = f"bytes {start}-{total - 1}/{total}"
        cut = self.hub.break_after.pop(0) if self.hub.break_after else None
        self._send(206 if start else 200, headers, content[start:], cut)

    def _send(
        self, status: int, headers: dict[str, str], body: bytes, cut: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body if cut is None else body[:cut])
        if cut is not None:
            self.close_connection = True
