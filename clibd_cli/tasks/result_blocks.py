"""Calls as rows of the results, a block at a time: plain values that another process can send."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from clibd_cli.core.records import Call, Skip
from clibd_cli.io.results import EXPLANATION, call_row, near_rows
from clibd_cli.tasks.tally import Tally


@dataclass(frozen=True, slots=True)
class Block:
    """What there is to write of some specimens.

    Attributes:
        rows: of the results.
        near: of the nearest references beside them.
        skips: inputs that could not be used.
        tally: what all of them count.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    near: list[dict[str, Any]] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)


def block_of(calls: Iterable[Call | Skip]) -> Block:
    """The rows of some calls, in their order."""
    block = Block()
    for call in calls:
        if isinstance(call, Skip):
            block.skips.append(call)
            block.tally.skipped += 1
            continue
        block.rows.append({**call_row(call), EXPLANATION: call.explanation or None})
        block.near.extend(near_rows(call))
        block.tally.add(call)
    return block
