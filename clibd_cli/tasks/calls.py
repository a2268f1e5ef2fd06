"""From queries and their neighbours to calls, a photo and a barcode of one specimen together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from types import MappingProxyType

from clibd_cli.core.records import MODALITIES, Call, Modality, Skip
from clibd_cli.tasks.finding import Found
from clibd_cli.tasks.flags import odd_signs
from clibd_cli.tasks.inputs import Inputs
from clibd_cli.tasks.naming import Naming, nearest_hit
from clibd_cli.tasks.queries import Searcher
from clibd_cli.tasks.stored_queries import split_stores, with_photo_and_barcode

MOST_NEAR = 5
"""Nearest references of each kind of evidence that go with a call."""

Decide = Callable[[Sequence[Found]], Naming]
"""From what was found for one specimen, by each kind of evidence, to its name."""


def make_calls(searcher: Searcher, inputs: Inputs, decide: Decide) -> Iterator[Call | Skip]:
    """A call or a skip for everything in `inputs`, as they are computed.

    In input order, with one exception: a photo and a barcode with the same specimen id give one
    call, so where there are both, barcodes without a photo come first, and the others wait.
    """
    stores, inputs = split_stores(inputs)
    modalities = [m for m in ("dna", "image", "text") if m in inputs.modalities]
    found = (searcher.embed_and_search(inputs, modality) for modality in modalities)
    photos = searcher.photo_ids(inputs) if inputs.photos and inputs.dna else frozenset()
    names = short_names(photos)
    partners = frozenset(names.get(photo, photo) for photo in photos)
    yield from _paired(chain.from_iterable(found), decide, partners, ("dna",), names)
    for store in stores:
        both = with_photo_and_barcode(store)
        yield from _paired(searcher.search_stores(store), decide, both, MODALITIES)


def short_names(photos: Collection[str]) -> dict[str, str]:
    """What barcodes may call the specimens of photos in subfolders: `S1` for `plate1/S1`.

    Only where no other photo ends so.
    """
    ends = Counter(photo.rsplit("/", 1)[-1] for photo in photos)
    return {
        photo: end
        for photo in photos
        if (end := photo.rsplit("/", 1)[-1]) != photo and ends[end] == 1
    }


def _paired(
    results: Iterable[Found | Skip],
    decide: Decide,
    partners: frozenset[str],
    first: Sequence[Modality],
    names: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Call | Skip]:
    """Calls in the order of `results`; a specimen in `partners` waits for its other half.

    Args:
        first: the modalities of which the other half may still be to come.
        names: of photos, what else their specimens are called (`short_names`).
    """
    waiting: dict[str, Found] = {}
    for found in results:
        if isinstance(found, Skip):
            yield found
            continue
        name = found.specimen.specimen_id
        name = names.get(name, name) if found.specimen.modality == "image" else name
        if (partner := waiting.pop(name, None)) is not None:
            yield call([found, partner], decide)
        elif found.specimen.modality in first and name in partners:
            waiting[name] = found
        else:
            yield call([found], decide)
    yield from (call([found], decide) for found in waiting.values())  # the partner was skipped


def call(evidence: Sequence[Found], decide: Decide) -> Call:
    """One specimen's call from its photo, its barcode, or both."""
    evidence = sorted(evidence, key=lambda found: MODALITIES.index(found.specimen.modality))
    named = decide(evidence)
    odd = (flag for found in evidence for flag in odd_signs(found))
    first = evidence[0].specimen
    return Call(
        specimen_id=first.specimen_id,
        lineage=named.lineage,
        confidence=named.confidence,
        nearest=nearest_hit([found.hits for found in evidence]),
        n_support=named.n_support,
        evidence="+".join(found.specimen.modality for found in evidence),
        source=first.source,
        flags=(*named.flags, *odd),
        conflict=named.conflict,
        near=tuple(hit for found in evidence for hit in found.hits[:MOST_NEAR]),
        # A store knows where its photos were, and holds none.
        photo=(first.content or first.source) if first.modality == "image" else "",
    )
