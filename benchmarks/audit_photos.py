"""How well `clibd audit` tells near-empty photos, and photos that are the same picture.

    python benchmarks/audit_photos.py --good bioscan_photos --bad bioscan_photos/bad
    python benchmarks/audit_photos.py --resaved lepidoptera/photos

Near-empty: precision and recall at the default threshold, and at the one that is best for all
photos but the one judged (the default was chosen on the same photos). Same picture: 200 photos
saved again at a lower quality and another size, against each photo's nearest of another species.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from clibd_cli.core.progress import SILENT
from clibd_cli.io.photo_content import NEAR_EMPTY, differing_bits, measure_photo
from clibd_cli.io.photos import load_photo
from clibd_cli.tasks.audit_duplicates import NEAR_BITS, NEAR_SIMILARITY
from clibd_cli.tasks.loading import open_model


def main() -> None:
    """Print what was asked for."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--good", type=Path)
    options.add_argument("--bad", type=Path)
    options.add_argument("--resaved", type=Path)
    given = options.parse_args()
    if given.good and given.bad:
        near_empty(contents(given.good), contents(given.bad))
    if given.resaved:
        same_picture(given.resaved)


def contents(folder: Path) -> np.ndarray:
    """What is in the photos of a folder."""
    return np.array(
        [measure_photo(load_photo(path)).content for path in sorted(folder.glob("*.jpg"))]
    )


def near_empty(good: np.ndarray, bad: np.ndarray) -> None:
    """Precision and recall for photos known to be good or bad."""
    tell("default threshold", int((bad < NEAR_EMPTY).sum()), int((good < NEAR_EMPTY).sum()), bad)
    values = np.concatenate([bad, good])
    is_bad = np.arange(len(values)) < len(bad)
    flagged = []
    for i, value in enumerate(values):
        rest, truth = np.delete(values, i), np.delete(is_bad, i)
        flagged.append(value < best_threshold(rest, truth))
    told = np.array(flagged)
    tell("threshold of the others", int(told[is_bad].sum()), int(told[~is_bad].sum()), bad)


def best_threshold(values: np.ndarray, is_bad: np.ndarray) -> float:
    """The one with the highest F1, halfway to the next value."""
    order = np.sort(values)
    cuts = (order[:-1] + order[1:]) / 2
    hits = [int((is_bad & (values < cut)).sum()) for cut in cuts]
    flagged = [int((values < cut).sum()) for cut in cuts]
    f1 = [2 * h / (n + int(is_bad.sum())) for h, n in zip(hits, flagged, strict=True)]
    return float(cuts[int(np.argmax(f1))])


def tell(what: str, hits: int, false: int, bad: np.ndarray) -> None:
    """One line."""
    precision = hits / max(1, hits + false)
    print(f"{what:<26} precision {precision:.2f} recall {hits / len(bad):.2f} ({false} false)")


def same_picture(folder: Path) -> None:
    """How many re-saved photos are recognised, and how many pairs of species are confused."""
    paths = random.Random(1).sample(sorted(folder.rglob("*.jpg")), 2000)
    photos = [load_photo(path) for path in paths]
    copies = [saved_again(photo) for photo in photos[:200]]
    model = open_model(None, "auto", "auto", ("image",), SILENT)
    vectors = [
        model.encode("image", [model.prepare_photo(photo) for photo in some], 32)
        for some in (photos, copies)
    ]
    patterns = [[measure_photo(photo).pattern for photo in some] for some in (photos, copies)]
    cosines = (vectors[0][:200] * vectors[1]).sum(axis=1)
    bits = [differing_bits(*pair) for pair in zip(patterns[0], patterns[1], strict=False)]
    found = [c >= NEAR_SIMILARITY and b <= NEAR_BITS for c, b in zip(cosines, bits, strict=True)]
    print(f"saved again: cosines from {cosines.min():.3f}, {quantiles(bits)} bits apart")
    print(f"  recognised: {np.mean(found):.3f}")
    apart = foreign_bits(paths, vectors[0], patterns[0])
    print(f"nearest of another species: {quantiles(apart)} bits apart")
    print(f"  taken for the same: {np.mean([n <= NEAR_BITS for n in apart]):.4f}")


def foreign_bits(
    paths: Sequence[Path], vectors: np.ndarray, patterns: Sequence[bytes]
) -> list[int]:
    """The bits between each photo and its nearest one in another folder."""
    species = np.array([path.parent.name for path in paths])
    cosines = np.where(species[:, None] == species, -2, vectors @ vectors.T)
    nearest = cosines.argmax(axis=1)
    return [differing_bits(patterns[i], patterns[j]) for i, j in enumerate(nearest)]


def saved_again(photo: Image.Image) -> Image.Image:
    """The photo at 70 % of its size, as a JPEG of quality 60."""
    data = BytesIO()
    size = (round(photo.width * 0.7), round(photo.height * 0.7))
    photo.resize(size).save(data, "JPEG", quality=60)
    return Image.open(data).convert("RGB")


def quantiles(values: Sequence[int]) -> str:
    """Least, median, most."""
    least, middle, most = np.quantile(values, [0, 0.5, 1]).astype(int)
    return f"{least} to {most} (median {middle})"


if __name__ == "__main__":
    main()
