"""What a pickle would import, found by reading it, never by running it.

A checkpoint in torch's formats is a pickle, and a pickle can call anything. Here its instructions
are walked as data (`pickletools`), so that a file with more than tensors in it is refused by the
name of what it held. torch's own `weights_only` loader is the second lock on the same door.
"""

from __future__ import annotations

import io
import pickletools
import struct
import warnings
from typing import Protocol

_TENSOR_PARTS = frozenset(
    {
        "collections.OrderedDict",
        "torch._utils._rebuild_tensor",
        "torch._utils._rebuild_tensor_v2",
        "torch._utils._rebuild_parameter",
        "torch.nn.parameter.Parameter",
        "torch.Tensor",
        "torch._tensor.Tensor",
        "torch.Size",
        "torch.device",
        "torch.storage.UntypedStorage",
        "torch.storage.TypedStorage",
        "torch.serialization._get_layout",
        "_codecs.encode",
        "builtins.set",
        "builtins.bytearray",
        "builtins.complex",
        "__builtin__.set",
        "__builtin__.bytearray",
        "__builtin__.complex",
    }
)
_TORCH_TYPES = frozenset(
    ("Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool")
)
_TORCH_DTYPES = frozenset(
    (
        "float32",
        "float64",
        "float16",
        "bfloat16",
        "int64",
        "int32",
        "int16",
        "int8",
        "uint8",
        "bool",
    )
)
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PICKLES = 5
_MAX_NESTING = 4
_BROKEN = (ValueError, EOFError, IndexError, OverflowError, MemoryError, struct.error)
_STORES = frozenset({"PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"})
_FETCHES = frozenset({"GET", "BINGET", "LONG_BINGET"})
_SILENT = frozenset({"PROTO", "FRAME"})
_HIDDEN = "a name that it hides"
_MARK = object()


class Readable(Protocol):
    """What a pickle is read from: an open file, a memory map, a `BytesIO`."""

    def read(self, n: int = ..., /) -> bytes:
        """At most `n` bytes."""

    def readline(self) -> bytes:
        """The bytes up to and with the next line end."""

    def tell(self) -> int:
        """The offset of the next byte."""


def foreign_names(stream: Readable) -> list[str]:
    """Dotted names in the pickle at `stream` that are no part of tensors or plain containers.

    All pickles of torch's legacy format are read (the file starts with five of them), and those
    hidden in strings of the pickle. Damaged pickles give what was found before the damage.
    """
    names: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd escapes in the texts of what is no pickle
        first = _walk(stream, names, 0)
        if first == _LEGACY_MAGIC:
            for _ in range(_LEGACY_PICKLES - 1):
                _walk(stream, names, 0)
    return sorted({name for name in names if not is_tensor_part(name)})


def is_pickle(stream: Readable) -> bool:
    """Whether the bytes at `stream` are one whole pickle, read to its end."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for _ in pickletools.genops(stream):  # type: ignore[arg-type]
                pass
    except _BROKEN:
        return False
    return True


def is_tensor_part(name: str) -> bool:
    """Whether a dotted name is needed to rebuild tensors and plain containers, and only that."""
    if name in _TENSOR_PARTS:
        return True
    module, _, last = name.rpartition(".")
    if module in {"torch", "torch.storage"} and last.endswith("Storage"):
        return last.removesuffix("Storage") in _TORCH_TYPES
    return module == "torch" and last in _TORCH_DTYPES


def _walk(stream: Readable, names: list[str], depth: int) -> object:
    """Collect the names of one pickle; returns the first constant in it."""
    stack: list[object] = []
    memo: dict[int, object] = {}
    first: object = None
    try:
        for opcode, argument, _ in pickletools.genops(stream):  # type: ignore[arg-type]
            if opcode.name in _STORES:
                place = len(memo) if argument is None else int(argument)
                memo[place] = stack[-1] if stack else None
                continue
            if opcode.name in _SILENT:
                continue
            first = argument if first is None else first
            if opcode.name in {"GLOBAL", "INST"}:
                names.append(str(argument).replace(" ", "."))
            elif opcode.name == "STACK_GLOBAL":
                parts = [part for part in stack[-2:] if isinstance(part, str)]
                names.append(".".join(parts) if len(parts) == 2 else _HIDDEN)
            elif opcode.name.startswith("EXT"):
                names.append(f"copyreg.extension_{argument}")
            elif isinstance(argument, (bytes, bytearray, str)):
                _walk_hidden(argument, names, depth)
            fetched = memo.get(int(argument or 0)) if opcode.name in _FETCHES else argument
            _apply(opcode, fetched, stack)
    except _BROKEN:
        pass
    return first


def _apply(opcode: pickletools.OpcodeInfo, value: object, stack: list[object]) -> None:
    """What an instruction does to the stack; of values, only texts are kept."""
    taken, given = list(opcode.stack_before), list(opcode.stack_after)
    top = stack[-1] if stack else None
    if opcode.name == "DUP":
        stack.append(top)
        return
    if pickletools.markobject in taken:
        while stack and stack.pop() is not _MARK:
            pass
        taken = taken[: taken.index(pickletools.markobject)]
    if taken:
        del stack[-len(taken) :]
    if opcode.name == "MARK":
        stack.append(_MARK)
    else:
        stack.extend(value if isinstance(value, str) else None for _ in given)


def _walk_hidden(constant: bytes | bytearray | str, names: list[str], depth: int) -> None:
    # A pickle may carry another one as a string, for a loader that it calls.
    if depth >= _MAX_NESTING or len(constant) < 4:
        return
    if isinstance(constant, str):
        try:
            constant = constant.encode("latin-1")
        except UnicodeEncodeError:
            return
    if constant[:1] == b"\x80" or constant[-1:] == b".":
        _walk(io.BytesIO(constant), names, depth + 1)
