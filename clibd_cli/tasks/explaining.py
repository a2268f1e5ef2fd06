"""Pictures of where the encoder looked, made beside the results as their calls go by."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from clibd_cli.core.ahead import default_workers, done_ahead
from clibd_cli.core.atomic import atomic_folder
from clibd_cli.core.errors import ClibdError, UsageError
from clibd_cli.core.progress import Progress
from clibd_cli.core.records import Call, Skip
from clibd_cli.io.names import printable
from clibd_cli.io.results import explanations_path
from clibd_cli.tasks.inputs import Inputs
from clibd_cli.tasks.queries import Searcher
from clibd_cli.tasks.windows import windows

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from clibd_cli.models.model import ClibdModel

Explain = bool | Literal["flagged"]
"""Which photos to explain: all, none, or those of specimens with a flag."""

_CALLS_A_WINDOW = 32
_OWN_FILE = re.compile(r"[0-9a-f]{32}\.jpg|Thumbs\.db|desktop\.ini|\.DS_Store")
"""What may lie in a folder of pictures: these, and what systems leave where people have looked."""


@dataclass(frozen=True, slots=True)
class _Look:
    """A photo read once more.

    Attributes:
        name: of its picture: from the SHA-256 of its bytes, whatever the specimen is called, so
            that a name is safe on every system and never stands for another photo.
        pixels: as the encoder reads them.
        small: the photo for the picture.
        seen: the part of it that the encoder reads, as shares of its width and height.
    """

    name: str
    pixels: Any
    small: Image.Image
    seen: tuple[float, float, float, float]


def check_explain(explain: Explain, inputs: Inputs, results: Path) -> None:
    """Refuse what no run can do, before it begins.

    Raises:
        UsageError: for an unknown choice, where there is no photo to explain, or where other files
            than earlier pictures would be lost.
    """
    if explain is False:
        return
    if explain is not True and explain != "flagged":
        raise UsageError(f"explain is {explain!r}", "Give True, False or 'flagged'.")
    if not inputs.photos:
        raise UsageError(
            "there is nothing to explain: --explain shows where the encoder looked in photos",
            "Name a folder of photos, too, or leave --explain out.",
        )
    folder = explanations_path(results)
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UsageError(
            f"{printable(folder)} is a file, and the pictures need a folder of that name",
            "Move it, or give another --out.",
        )
    for path in folder.iterdir():
        if not _OWN_FILE.fullmatch(path.name):
            raise UsageError(
                f"{printable(path)} is no picture of clibd's, and the folder will be made anew",
                "Move it, or give another --out.",
            )


class Explainer:
    """Explains the photos of calls; the folder of pictures appears when all of them are there.

    As a context manager it makes the folder, inside the one that writes the results.

    Args:
        searcher: has the model and the references; its model is loaded with the image tower.

    Attributes:
        folder: where the pictures will be.
    """

    def __init__(
        self,
        searcher: Searcher,
        results: Path,
        explain: Explain,
        workers: int | None,
        progress: Progress,
    ) -> None:
        self.folder = explanations_path(results)
        self._searcher = searcher
        self._flagged_only = explain == "flagged"
        self._workers = default_workers() if workers is None else workers
        self._progress = progress
        self._vectors = lru_cache(maxsize=None)(searcher.index.vectors)
        self._made = self._unreadable = 0
        self._stack = ExitStack()

    def __enter__(self) -> Explainer:
        try:
            self._partial = self._stack.enter_context(atomic_folder(self.folder))
        except OSError as error:
            raise self._cannot_write(error) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._stack.__exit__(kind, error, trace)
        except OSError as failed:
            raise self._cannot_write(failed) from failed
        if kind is None:
            self._tell()

    def explained(self, calls: Iterable[Call | Skip]) -> Iterator[Call | Skip]:
        """The same calls and skips in the same order, with the paths of their pictures."""
        for window in windows(calls, _CALLS_A_WINDOW):
            yield from self._window(list(window))

    def _window(self, records: Sequence[Call | Skip]) -> Iterator[Call | Skip]:
        wanted = [r for r in records if isinstance(r, Call) and self._wants(r)]
        pairs = self._read(wanted) if wanted else []
        self._draw(pairs)
        self._made += len(pairs)
        self._unreadable += len(wanted) - len(pairs)
        paths = {id(call): f"{self.folder.name}/{look.name}" for call, look in pairs}
        for record in records:
            if isinstance(record, Call) and (path := paths.get(id(record))):
                yield replace(record, explanation=path)
            else:
                yield record

    def _wants(self, call: Call) -> bool:
        return bool(call.photo) and (bool(call.flags) or not self._flagged_only)

    def _read(self, calls: Sequence[Call]) -> list[tuple[Call, _Look]]:
        """The photos of the calls, without those that are no longer there."""
        read = partial(_look_again, self._searcher.open_model())
        photos = (call.photo for call in calls)
        looks = done_ahead(read, photos, self._workers, len(calls))
        return [(call, look) for call, look in zip(calls, looks, strict=True) if look]

    def _draw(self, pairs: Sequence[tuple[Call, _Look]]) -> None:
        """Write the pictures that are not there; one photo may be that of many specimens."""
        import numpy as np

        from clibd_cli.report.heat import EXPLANATION_SIDE, draw_heat
        from clibd_cli.report.thumbnails import small_jpeg

        once = {look.name: (call, look) for call, look in reversed(pairs)}
        new = [pair for name, pair in once.items() if not (self._partial / name).exists()]
        if not new:
            return
        targets = np.stack([self._target(call) for call, _ in new])
        pixels = [look.pixels for _, look in new]
        heats = self._searcher.open_model().explain_photos(pixels, targets)
        for (_, look), heat in zip(new, heats, strict=True):
            picture = draw_heat(look.small, heat, look.seen)
            try:
                (self._partial / look.name).write_bytes(small_jpeg(picture, EXPLANATION_SIDE))
            except OSError as error:
                raise self._cannot_write(error) from error

    def _target(self, call: Call) -> np.ndarray:
        """The vector of the photo's nearest reference; zeros where there is none."""
        import numpy as np

        if not call.near:
            return np.zeros(self._searcher.index.header.dim, np.float32)
        nearest = call.near[0]
        vector: np.ndarray = self._vectors(nearest.modality)[nearest.vector].astype(np.float32)
        return vector

    def _tell(self) -> None:
        """What the user should know of what was not explained."""
        if self._unreadable:
            self._progress.warn(
                f"{self._unreadable:,} photos are not explained: they are no longer where they were"
            )
        elif not self._made:
            which = " with a flag" if self._flagged_only else ""
            self._progress.warn(f"nothing was explained: there is no photo of a specimen{which}")

    def _cannot_write(self, error: OSError) -> ClibdError:
        return ClibdError(
            f"{printable(self.folder)} cannot be written: {error.strerror or error}",
            "Close what is open of it, make room, or choose another name with --out.",
        )


def _look_again(model: ClibdModel, path: str) -> _Look | None:
    """Called in worker threads; None where the photo is no longer there."""
    from clibd_cli.io.photos import PhotoError, decode_photo, read_photo
    from clibd_cli.report.heat import EXPLANATION_SIDE

    try:
        photo = read_photo(Path(path))
        image = decode_photo(photo)
    except PhotoError:
        return None
    pixels, seen = model.prepare_photo(image), model.seen_part(image.size)
    image.thumbnail((EXPLANATION_SIDE, EXPLANATION_SIDE), reducing_gap=2.0)
    return _Look(f"{photo.sha256[:32]}.jpg", pixels, image, seen)
