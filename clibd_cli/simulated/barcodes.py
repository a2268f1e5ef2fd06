"""COI-like barcodes that evolve along a tree, so that nearness of DNA means kinship.

The model is the smallest that gives what a method of naming by barcode sees in real data: an
AT-rich composition that differs by codon position, third positions that change fast, other sites
that hardly change, no stop codon, and the distances between relatives of the field's textbooks.

The reading frame is that of the Folmer region: of 658 bases, the first is the third position of
a codon, and 219 whole codons follow from the second base on. Codons are those of the invertebrate
mitochondrial code (NCBI table 5), in which only TAA and TAG stop.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from clibd_cli.simulated.taxonomy import InventedSpecies

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Sequences = NDArray[np.uint8]
    """Shape (n, 658); each base as its place in "ACGT"."""

LENGTH = 658
FRAME = 1
"""Where the first whole codon starts, counted from 0."""

STOP_CODONS = ("TAA", "TAG")

_BASES = "ACGT"

# Shares of A, C, G, T in real insect barcodes, and how fast a site changes relative to the
# others; by `index % 3`, so the third position of a codon comes first.
_COMPOSITION = (
    (0.454, 0.069, 0.017, 0.460),
    (0.308, 0.151, 0.260, 0.281),
    (0.151, 0.252, 0.163, 0.434),
)
_RATE = (1.0, 0.14, 0.025)
_RATE_SHAPE = 2.0

DIVERGENCE = {
    "root": (0.242, 0.260),
    "order": (0.186, 0.206),
    "family": (0.132, 0.150),
    "genus": (0.056, 0.086),
}
"""Expected share of different sites between two species whose last common ancestor founded the
whole tree, an order, a family or a genus; each node draws its own value from the range."""

_NODES = tuple(DIVERGENCE)


class Substitution:
    """How sites change with time: a changed site gets a base from its composition (Felsenstein's
    model of 1981, with its own composition at each codon position and its own rate at each site).
    """

    def __init__(self, rng: np.random.Generator) -> None:
        import numpy as np

        position = np.arange(LENGTH) % 3
        composition = np.array(_COMPOSITION)[position]
        self._cumulative = composition.cumsum(axis=1)[:, :3]
        spread = rng.gamma(_RATE_SHAPE, 1 / _RATE_SHAPE, LENGTH)
        self.rates: NDArray[np.float64] = np.array(_RATE)[position] * spread
        # Two copies of a site that both had time t differ with this probability.
        self._times = np.concatenate([[0.0], np.geomspace(1e-3, 10, 500)])
        changed = 1 - np.exp(-2 * np.outer(self._times, self.rates))
        self._divergences = (changed * (1 - (composition**2).sum(axis=1))).mean(axis=1)

    def time_for(self, divergence: float) -> float:
        """The age of a common ancestor whose descendants differ at this share of their sites."""
        import numpy as np

        return float(np.interp(divergence, self._divergences, self._times))

    def node_age(self, node: str, rng: np.random.Generator) -> float:
        """An age for a common ancestor; `node` is a key of `DIVERGENCE`."""
        return self.time_for(rng.uniform(*DIVERGENCE[node]))

    def ancestor(self, rng: np.random.Generator) -> Sequences:
        """One random sequence, shape (1, 658), without stop codons."""
        import numpy as np

        drawn = self._draw(rng, 1)
        # TAA and TAG become TTA and TTG, both leucine.
        leucine = np.where(np.arange(LENGTH) % 3 == (FRAME + 1) % 3, np.uint8(3), drawn)
        return _without_stops(drawn, leucine)

    def evolve(self, parents: Sequences, time: float, rng: np.random.Generator) -> Sequences:
        """The sequences after `time`; a codon that would have become a stop stays as it was."""
        import numpy as np

        hit = rng.random(parents.shape) < 1 - np.exp(-time * self.rates)
        return _without_stops(np.where(hit, self._draw(rng, len(parents)), parents), parents)

    def mutate(
        self, parents: Sequences, changes: NDArray[np.int64], rng: np.random.Generator
    ) -> Sequences:
        """The sequences with up to `changes[i]` sites of row i replaced by another base."""
        import numpy as np

        rows = np.repeat(np.arange(len(parents)), changes)
        odds = self.rates.cumsum() / self.rates.sum()
        sites = np.searchsorted(odds, rng.random(len(rows)))
        children = parents.copy()
        children[rows, sites] = (parents[rows, sites] + rng.integers(1, 4, len(rows))) % 4
        return _without_stops(children, parents)

    def _draw(self, rng: np.random.Generator, n: int) -> Sequences:
        import numpy as np

        chance = rng.random((n, LENGTH))
        drawn = np.zeros((n, LENGTH), dtype=np.uint8)
        for bound in self._cumulative.T:
            drawn += chance > bound
        return drawn


def evolve_species(species: Iterable[InventedSpecies], seed: int) -> dict[str, Sequences]:
    """The barcodes of each species by its name, shape (haplotypes, 658), commonest first.

    A species has two to four haplotypes at most 0.9 % apart (six sites).
    """
    import numpy as np

    rng = np.random.default_rng([seed, 1])
    model = Substitution(rng)
    nodes: dict[tuple[int, ...], tuple[Sequences, float]] = {}
    nodes[()] = (model.ancestor(rng), model.node_age("root", rng))
    barcodes = {}
    for one in species:
        for depth in range(1, 5):
            if one.path[:depth] not in nodes:
                parent, age = nodes[one.path[: depth - 1]]
                own_age = model.node_age(_NODES[depth], rng) if depth < 4 else 0.0
                nodes[one.path[:depth]] = (model.evolve(parent, age - own_age, rng), own_age)
        centre = np.repeat(nodes[one.path][0], rng.integers(2, 5), axis=0)
        changes = rng.integers(1, 4, len(centre))
        changes[0] = 0
        barcodes[one.lineage.at("species") or ""] = model.mutate(centre, changes, rng)
    return barcodes


def as_texts(sequences: Sequences) -> list[str]:
    """The sequences as strings of A, C, G and T."""
    import numpy as np

    letters = np.frombuffer(_BASES.encode(), dtype=np.uint8)[sequences]
    joined = letters.tobytes().decode("ascii")
    return [joined[start : start + LENGTH] for start in range(0, len(joined), LENGTH)]


def has_stop_codon(barcode: str) -> bool:
    """Whether a whole barcode stops in its reading frame."""
    return any(barcode[at : at + 3] in STOP_CODONS for at in range(FRAME, len(barcode) - 2, 3))


def _without_stops(children: Sequences, fallback: Sequences) -> Sequences:
    import numpy as np

    codons = children[:, FRAME:].reshape(len(children), -1, 3)
    stops = (codons[..., 0] == 3) & (codons[..., 1] == 0) & (codons[..., 2] % 2 == 0)
    bad = np.zeros(children.shape, dtype=bool)
    bad[:, FRAME:] = np.repeat(stops, 3, axis=1)
    return np.where(bad, fallback, children)
