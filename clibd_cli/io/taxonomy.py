"""Names without a rank, and lineages written in one string, as lineages."""

from __future__ import annotations

import re
from functools import lru_cache

from clibd_cli.core.lineage import NOT_CLASSIFIED, RANKS, UNLABELLED, Lineage, clean_label

# Hexapods; chelicerates; millipedes and centipedes; crustaceans; what else traps and nets bring up.
_ORDERS = """
    Archaeognatha Blattaria Blattodea Coleoptera Dermaptera Diptera Embioptera Entomobryomorpha
    Ephemeroptera Grylloblattodea Hemiptera Homoptera Hymenoptera Isoptera Lepidoptera Mantodea
    Mantophasmatodea Mecoptera Megaloptera Microcoryphia Neelipleona Neuroptera Notoptera
    Odonata Orthoptera Phasmatodea Phasmida Phthiraptera Plecoptera Poduromorpha Psocodea
    Psocoptera Raphidioptera Siphonaptera Strepsiptera Symphypleona Thysanoptera Thysanura
    Trichoptera Zoraptera Zygentoma
    Amblypygi Araneae Holothyrida Ixodida Mesostigmata Opilioacarida Opiliones Palpigradi
    Pantopoda Pseudoscorpiones Pseudoscorpionida Ricinulei Sarcoptiformes Schizomida Scorpiones
    Solifugae Trombidiformes Uropygi Xiphosurida
    Callipodida Chordeumatida Geophilomorpha Glomerida Julida Lithobiomorpha Polydesmida
    Polyxenida Polyzoniida Scolopendromorpha Scutigeromorpha Siphonophorida Sphaerotheriida
    Spirobolida Spirostreptida Tetramerocerata
    Amphipoda Anomopoda Anostraca Arguloida Balanomorpha Calanoida Ctenopoda Cumacea Cyclopoida
    Decapoda Diplostraca Euphausiacea Haplopoda Harpacticoida Isopoda Laevicaudata Leptostraca
    Lophogastrida Mysida Mysidacea Notostraca Onychopoda Podocopida Scalpellomorpha Sessilia
    Siphonostomatoida Spinicaudata Stomatopoda Tanaidacea
    Actiniaria Adapedonta Alcyonacea Araeolaimida Arcida Arhynchobdellida Camarodonta Cardiida
    Carditida Cephalaspidea Ceriantharia Crassiclitellata Enchytraeida Eunicida Euryalida
    Haplotaxida Heteronemertea Hygrophila Limida Littorinimorpha Lucinida Lumbriculida
    Monostilifera Myida Mytilida Neogastropoda Nuculanida Nudibranchia Opheliida Ophiacanthida
    Ophiurida Pectinida Phyllodocida Priapulimorphida Pulmonata Rhynchobdellida Sabellida
    Sorbeoconcha Sphaeriida Spionida Stylommatophora Terebellida Trochida Tubificida Unionida
    Venerida
"""
ORDERS = frozenset(_ORDERS.split())
"""Names that are orders; no ending tells them from genera. Others are taken for genera."""

# Above order, and between order and family.
_HIGHER_NAMES = """
    Animalia Annelida Arachnida Arthropoda Bivalvia Branchiopoda Chelicerata Chilopoda Chordata
    Clitellata Cnidaria Collembola Copepoda Crustacea Diplopoda Diplura Echinodermata Eukaryota
    Eukaryote Eumetazoa Gastropoda Hexanauplia Hexapoda Insecta Malacostraca Maxillopoda Metazoa
    Mollusca Myriapoda Nematoda Nemertea Oligochaeta Ostracoda Pancrustacea Pauropoda
    Platyhelminthes Polychaeta Protostomia Protura Pterygota Pycnogonida Rotifera Sipuncula
    Symphyla Tardigrada Thecostraca Vertebrata Acari Acariformes Parasitiformes Apocrita Brachycera
    Heterocera Nematocera Heteroptera Auchenorrhyncha Sternorrhyncha Rhopalocera
"""
_HIGHER = frozenset(_HIGHER_NAMES.split())

_BETWEEN_RANKS = ("inae", "ini", "oidea")
_NAME = re.compile(r"[A-Z][a-zà-ÿ]+(?:-[a-z]+)*")
_EPITHET = re.compile(r"[a-zà-ÿ]{2,}(?:-[a-zà-ÿ]+)*|[a-z]-[a-z]+")
_SUBGENUS = re.compile(r"\([A-Z][a-z]+\)")
_OPEN_WORDS_TEXT = """
    sp spp cf aff nr near x × group gr grp complex agg indet undet gen nov species genus hybrid
"""
_OPEN_WORDS = frozenset(_OPEN_WORDS_TEXT.split())
_PART = re.compile(r"\s*\"?([a-z])(?:__|:)(.*)", re.DOTALL)
_SUPPORT = re.compile(r"\([\d.]+\)\s*$")
_NOBODY = re.compile(r"incertae|unidentified|uncultured|unclassified|unassigned", re.IGNORECASE)
_RANK_LETTERS = {rank[0]: rank for rank in RANKS}


@lru_cache(maxsize=1 << 14)
def lineage_of_name(taxon: str) -> Lineage:
    """What a name of unknown rank says: of an order, a family, a genus or a species.

    A word in -idae is a family, one of `ORDERS` an order; other names above genus say nothing.
    A genus with an epithet is a species, cut to these two words (no subspecies, no author).
    Open names ("Genus sp. 3", cf., aff., nr.) and hybrids give the genus alone.
    """
    name = clean_label(taxon)
    words = _SUBGENUS.sub(" ", name or "").split()
    if not words or not _NAME.fullmatch(words[0]) or words[0] in _HIGHER:
        return UNLABELLED
    first = words[0]
    if first in ORDERS:
        return Lineage(order=first)
    if first.endswith("idae"):
        return Lineage(family=first)
    if _is_species(words):
        return Lineage(genus=first, species=" ".join(words[:2]))
    # "British Columbia" is no genus, and Noctuinae is above one.
    if first.endswith(_BETWEEN_RANKS) or (len(words) > 1 and _NAME.fullmatch(words[1])):
        return UNLABELLED
    return Lineage(genus=first)


def _is_species(words: list[str]) -> bool:
    if len(words) < 2 or not _EPITHET.fullmatch(words[1]):
        return False
    return not any(word.rstrip(".") in _OPEN_WORDS for word in words[1:])


def lineage_of_words(text: str) -> Lineage:
    """The lineage in "order family genus species", as the official text encoder reads it.

    The first three words are order, family and genus, the rest is the species; a rank without a
    name is `not_classified`. A lone name or binomial is taken as `lineage_of_name` takes it.
    """
    words = text.split()
    if len(words) == 1 or (len(words) <= 3 and _is_species(words)):
        return lineage_of_name(text)
    species = "" if NOT_CLASSIFIED in words[3:] else " ".join(words[3:])
    labels = dict(zip(RANKS, words[:3], strict=False))
    return Lineage.from_labels({**labels, "species": species})


def lineage_of_parts(text: str) -> Lineage:
    """The lineage in `o__Order;f__Family;…` (QIIME, UNITE) or `o:Order,f:Family,…` (SINTAX).

    Bootstrap values in brackets and quotes are dropped, underscores are spaces.
    """
    labels: dict[str, str] = {}
    for part in re.split(r"[;,|]", text):
        match = _PART.match(part)
        if match and (rank := _RANK_LETTERS.get(match[1])) and not _NOBODY.search(match[2]):
            name = _SUPPORT.sub("", match[2]).replace("_", " ").strip(' "')
            labels.setdefault(rank, name)
    species = labels.get("species", "")
    if " " in species:
        found = lineage_of_name(species)
        labels["species"] = found.species or ""
        labels["genus"] = labels.get("genus") or found.genus or ""
    return Lineage.from_labels(labels)
