"""Damage and malice done to the bytes of a file: what fails on disks, and what people write."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

_WORDS = (
    *(b"\0", b"\r", b"\n", b"\r\n", b"\t", b'"', b'""', b"'", b",", b";", b"|", b">", b"@", b"#"),
    *(b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\x1b[31m"),
    *("\u2028".encode(), "\u00e4".encode(), "\U0001f41d".encode(), b"\x1f\x8b\x08\x00"),
    *(b"=cmd()", b"-1", b"NaN", b"inf", b"1e999", b"0", b"9" * 30, b"{", b"}", b"[" * 40, b"null"),
    *(b"../../x", b"\x00" * 16, b"\xff" * 16, b"\x80\x04\x95", b"PK\x03\x04", b"a" * 3000),
)
_ODD_VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1, 2**31, 2**63, 10**30, 0.5, -0.0, 1e308, "", "x", "../../x", "\ud800"),
    *([], {}, [None], {"x": 1}, [[]], "\x1b]0;x\x07", "<script>"),
)


def damaged(seeds: Sequence[bytes], rng: random.Random, most: int = 6) -> bytes:
    """One of `seeds` with one to `most` changes."""
    content = bytearray(rng.choice(seeds))
    for _ in range(rng.randint(1, most)):
        _change(content, seeds, rng)
    return bytes(content)


def _change(content: bytearray, seeds: Sequence[bytes], rng: random.Random) -> None:
    at = rng.randrange(len(content) + 1)
    end = min(len(content), at + rng.choice((1, 1, 2, 4, 16, 64, 1024)))
    kind = rng.randrange(9)
    if kind <= 2 and at < len(content):
        content[at] ^= 1 << rng.randrange(8)
    elif kind == 3 and at < len(content):
        content[at] = rng.randrange(256)
    elif kind == 4:
        del content[at:end]
    elif kind == 5:
        content[at:at] = content[at:end]
    elif kind == 6:
        content[at:at] = rng.choice(_WORDS)
    elif kind == 7:
        content[at:end] = rng.choice(_WORDS)
    elif rng.random() < 0.3:
        del content[at:]
    else:
        other = rng.choice(seeds)
        cut = rng.randrange(len(other) + 1)
        content[at:end] = other[cut : cut + (end - at)]


def odd_json(seeds: Sequence[bytes], rng: random.Random) -> bytes:
    """One of `seeds`, which are JSON objects, with a few values that nobody expects.

    A file damaged at random is mostly no JSON at all; this one is, as an attacker's would be.
    """
    facts = json.loads(rng.choice(seeds))
    for _ in range(rng.randint(1, 3)):
        _change_value(facts, rng)
    return json.dumps(facts).encode()


def _change_value(facts: Any, rng: random.Random) -> None:
    holder = facts
    while True:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        if not keys:
            return
        key = rng.choice(keys)
        inner = holder[key]
        if not isinstance(inner, (dict, list)) or not inner or rng.random() < 0.2:
            break
        holder = inner
    kind = rng.randrange(4)
    if kind == 0:
        del holder[key]
    elif kind == 1 and isinstance(holder, dict):
        holder[rng.choice(["", "x", "__proto__", str(key) + "x"])] = holder.pop(key)
    elif kind == 2 and isinstance(inner, (int, float)) and not isinstance(inner, bool):
        holder[key] = rng.choice([inner + 1, -inner, inner * 10**6, str(inner), float(inner)])
    else:
        holder[key] = deepcopy(rng.choice(_ODD_VALUES))
