"""JSON that carries its own checksum, so that one flipped bit in it is found, in any of its words.

`index.json` and `card.json` vouch for the files beside them, and nothing else would for them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from clibd_cli.core.digest import sha256_text

_FIELD = "checksum"
_SINCE = 2
"""The format version from which both of them have a checksum."""


def sealed(facts: Mapping[str, Any]) -> str:
    """`facts` as indented JSON whose last field is the SHA-256 of the text without it.

    To check it by hand: `checksum` is that of the text in which it stands as `""`.
    """
    bare = json.dumps({**facts, _FIELD: ""}, indent=2, ensure_ascii=False) + "\n"
    bare = bare.encode("utf-8", "replace").decode("utf-8")  # as it will lie on the disk
    return f'"{sha256_text(bare)}"'.join(bare.rsplit('""', 1))


def unsealed(text: str) -> dict[str, Any]:
    """The facts in what `sealed` wrote, or an older clibd without a checksum.

    Raises:
        ValueError: where the text is no JSON object, or not what was written.
        RecursionError: where it is nested too deeply to be read.
    """
    facts = json.loads(text)
    if not isinstance(facts, dict):
        raise ValueError("it is no JSON object")
    version, seal = facts.get("format_version"), facts.pop(_FIELD, None)
    if seal is None and not (isinstance(version, int) and version >= _SINCE):
        return facts
    if sha256_text('""'.join(text.rsplit(f'"{seal}"', 1))) != seal:
        raise ValueError("its checksum does not agree: it was changed after it was written")
    return facts
