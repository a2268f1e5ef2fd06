"""Barcodes without end, for benchmarks and tests of memory: a stream over a large random tree."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING

from clibd_cli.core.lineage import Lineage
from clibd_cli.simulated.barcodes import Substitution, as_texts
from clibd_cli.simulated.taxonomy import Namer, family_name

if TYPE_CHECKING:
    import numpy as np

    from clibd_cli.simulated.barcodes import Sequences

_ORDERS = 20
_FAMILIES_PER_ORDER = 25
_MAX_SPECIES = 12
_MAX_SPECIMENS = 200


def simulate_barcodes(n: int, seed: int = 7) -> Iterator[tuple[str, Lineage, str]]:
    """Yield `n` specimens: id, lineage, barcode (658 of A, C, G, T).

    They come genus by genus (about five species of some ten specimens each; few of them share a
    haplotype), each genus in another order than the one before, from 20 orders and 500 families
    and as many genera as it takes. Memory is that of one genus and of the names. With the same
    seed, a shorter stream is the start of a longer one.
    """
    specimens = _specimens(seed)
    for number in range(n):
        lineage, barcode = next(specimens)
        yield f"SIM{number:08d}", lineage, barcode


def _specimens(seed: int) -> Iterator[tuple[Lineage, str]]:
    import numpy as np

    rng = np.random.default_rng([seed, 2])
    model = Substitution(rng)
    namer = Namer(seed, syllables=3)
    order_names = [namer.order() for _ in range(_ORDERS)]
    family_names: dict[int, str] = {}
    founders = _family_founders(model, rng)
    age = model.time_for(0.14)
    for number in count():
        order, family = number % _ORDERS, number % (_ORDERS * _FAMILIES_PER_ORDER)
        genus = namer.genus()
        family_names.setdefault(family, family_name(genus))
        species_age = model.node_age("genus", rng)
        founder = model.evolve(founders[family : family + 1], age - species_age, rng)
        n_species = min(int(rng.geometric(0.2)), _MAX_SPECIES)
        centres = model.evolve(np.repeat(founder, n_species, axis=0), species_age, rng)
        for centre in centres:
            species = f"{genus} {namer.epithet()}"
            lineage = Lineage(order_names[order], family_names[family], genus, species)
            size = min(int(rng.geometric(0.1)), _MAX_SPECIMENS)
            changes = rng.integers(0, 4, size)
            specimens = model.mutate(np.repeat(centre[None], size, axis=0), changes, rng)
            yield from ((lineage, barcode) for barcode in as_texts(specimens))


def _family_founders(model: Substitution, rng: np.random.Generator) -> Sequences:
    """The first sequence of each family, shape (500, 658); row i belongs to order i % 20."""
    import numpy as np

    root_age, order_age, family_age = (model.time_for(share) for share in (0.25, 0.196, 0.14))
    root = np.repeat(model.ancestor(rng), _ORDERS, axis=0)
    orders = model.evolve(root, root_age - order_age, rng)
    families = np.tile(orders, (_FAMILIES_PER_ORDER, 1))
    return model.evolve(families, order_age - family_age, rng)
