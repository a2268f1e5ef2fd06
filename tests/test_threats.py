"""What a stranger may put into a file, a name or a folder, where no other test shows it."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from clibd_cli.cli.main import app
from clibd_cli.core.errors import ClibdError
from clibd_cli.core.records import Skip
from clibd_cli.io.barcodes import read_barcodes
from clibd_cli.io.labels import read_labels
from clibd_cli.io.photos import PhotoError, load_photo
from clibd_cli.models.checkpoint import read_tensors
from clibd_cli.models.pickles import foreign_names
from clibd_cli.models.registry import read_card, write_card
from clibd_cli.vectors.builder import BuildPlan, build_index
from clibd_cli.vectors.header import read_header
from clibd_cli.vectors.parts import find_stores
from tests.models.tiny import install_tiny
from tests.vectors.made import specimens, unit_vectors, write_store

_GADGETS_TEXT = """
    os.system posix.system nt.system subprocess.Popen subprocess.check_output builtins.eval
    builtins.exec builtins.__import__ builtins.getattr builtins.compile builtins.open
    __builtin__.apply importlib.import_module runpy.run_path runpy._run_code operator.attrgetter
    operator.methodcaller functools.partial types.FunctionType types.CodeType marshal.loads
    pickle.loads _pickle.loads dill.loads cloudpickle.loads joblib.load numpy.load torch.load
    torch.serialization.load torch.storage._load_from_bytes torch.hub.load torch.jit.load
    torch.jit.unsupported_tensor_ops.execWrapper torch.package.PackageImporter
    torch.utils.cpp_extension.load torch.utils._config_module.load_config
    torch.utils.collect_env.run torch._inductor.codecache.compile_file
    torch._dynamo.guards.GuardBuilder.get torch.fx.experimental.symbolic_shapes.ShapeEnv
    torch.distributed.rpc.internal._run_function torch.nn.modules.module._global_backward_hooks
    torch.FloatStorage.__reduce__ code.InteractiveInterpreter pty.spawn bdb.Bdb timeit.timeit
    cProfile.run profile.run trace.Trace doctest.debug_script
    idlelib.pyshell.ModifiedInterpreter.runcode idlelib.debugobj.ObjectTreeItem
    idlelib.run.Executive.runcode lib2to3.pgen2.pgen.ParserGenerator
    distutils.file_util.write_file ensurepip._run_pip pip.main webbrowser.open ctypes.CDLL
    logging.config._resolve uuid._get_command_stdout
    asyncio.unix_events._UnixSubprocessTransport multiprocessing.util.spawnv_passfds
    shutil.rmtree socket.create_connection urllib.request.urlopen zipfile.ZipFile builtins.vars
    builtins.type copyreg._reconstructor collections.OrderedDict.update.__globals__ sys.modules
"""
GADGETS = _GADGETS_TEXT.split()
"""Callables by which pickles have run code or got at more, from advisories and scanners' tests."""


def forms(module: str, name: str) -> dict[str, bytes]:
    """Every way in which a pickle can name something and call it."""
    plain = f"c{module}\n{name}\n".encode()
    stacked = (
        b"".join(b"\x8c" + bytes([len(text)]) + text.encode() for text in (module, name)) + b"\x93"
    )
    argument = b"X\x04\x00\x00\x00true"
    return {
        "GLOBAL, REDUCE": plain + b"(" + argument + b"tR.",
        "GLOBAL alone": plain + b".",
        "STACK_GLOBAL": b"\x80\x04" + stacked + argument + b"\x85R.",
        "INST": b"(" + argument + f"i{module}\n{name}\n".encode() + b".",
        "OBJ": b"(" + plain + argument + b"o.",
        "NEWOBJ": b"\x80\x02" + plain + argument + b"\x85\x81.",
        "NEWOBJ_EX": b"\x80\x04" + stacked + argument + b"\x85}\x92.",
        "BUILD": plain + b")R}b.",
        "in a frame": b"\x80\x04\x95" + struct.pack("<Q", len(stacked) + 1) + stacked + b".",
        "after a STOP": b"N." + plain + b".",
        "after damage": b"\x80\x02}" + plain + b"(" + argument + b"tR\xff",
    }


def calling(form: str, marker: Path) -> bytes:
    """A pickle that makes the file `marker` where it is loaded."""
    command = f"touch {marker}".encode()
    true = b"X\x04\x00\x00\x00true"
    argument = b"X" + struct.pack("<I", len(command)) + command
    return forms("os", "system")[form].replace(true, argument)


@pytest.mark.skipif(sys.platform == "win32", reason="has no `touch`")
@pytest.mark.parametrize("form", ["GLOBAL, REDUCE", "INST", "OBJ"])
def test_these_pickles_do_run_where_nobody_looks(tmp_path: Path, form: str) -> None:
    pickle.loads(calling(form, tmp_path / "ran"))
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("gadget", GADGETS)
def test_every_known_gadget_is_named_in_every_form(gadget: str) -> None:
    module, _, name = gadget.rpartition(".")
    for form, pickled in forms(module, name).items():
        if form != "after a STOP":  # nothing reads on there; see the files below
            assert foreign_names(io.BytesIO(pickled)) == [gadget], form


@pytest.mark.parametrize("form", forms("os", "system"))
@pytest.mark.parametrize("place", ["pickle", "data.pkl", "another entry", "zip in the zip", "tail"])
def test_no_form_of_a_call_runs(tmp_path: Path, form: str, place: str) -> None:
    marker = tmp_path / "ran"
    pickled = calling(form, marker)
    path = tmp_path / "best.pth"
    if place == "pickle":
        path.write_bytes(pickled)
    elif place == "tail":
        torch.save({"x": torch.ones(2)}, path, _use_new_zipfile_serialization=False)
        path.write_bytes(path.read_bytes() + pickled)
    else:
        torch.save({"x": torch.ones(2)}, path)
        _put_into(path, pickled, place)
    try:
        assert list(read_tensors(path).tensors) == ["x"]
        assert place in ("tail", "zip in the zip") or form == "after a STOP"
    except ClibdError as error:
        assert error.hint
    assert not marker.exists()


def _put_into(path: Path, pickled: bytes, place: str) -> None:
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    folder = next(iter(entries)).split("/")[0]
    if place == "data.pkl":
        entries[f"{folder}/data.pkl"] = pickled
    elif place == "another entry":
        entries[f"{folder}/more.pkl"] = pickled
    else:
        inner = io.BytesIO()
        with zipfile.ZipFile(inner, "w") as archive:
            archive.writestr("best/data.pkl", pickled)
        entries[f"{folder}/inner.pth"] = inner.getvalue()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


def test_torchscript_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "best.pth"
    torch.save({"x": torch.ones(2)}, path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("best/constants.pkl", b"\x80\x02).")
        archive.writestr("best/code/__torch__.py", "import os\nos.system('true')\n")
    with pytest.raises(ClibdError):
        read_tensors(path)


class _Absurd(pickle.Pickler):
    """Pickles a tensor whose storage is said to be as large as the test wants."""

    def __init__(self, file: io.BytesIO, values: int) -> None:
        super().__init__(file, protocol=2)
        self._values = values

    def persistent_id(self, held: Any) -> Any:
        if isinstance(held, torch.UntypedStorage):
            return ("storage", torch.FloatStorage, "0", "cpu", self._values, None)
        return None


@pytest.mark.skipif(sys.platform == "win32", reason="reads the peak of memory as Unix tells it")
@pytest.mark.parametrize("values", [2**31, 2**40, 2**62])
def test_absurd_tensors_take_no_memory(tmp_path: Path, values: int) -> None:
    import resource

    shape = (values // 2, 2)
    header = {"x": {"dtype": "F32", "shape": shape, "data_offsets": [0, 4 * values]}}
    text = json.dumps(header).encode()
    flat = tmp_path / "best.safetensors"
    flat.write_bytes(struct.pack("<Q", len(text)) + text + bytes(64))
    lying = tmp_path / "header.safetensors"
    lying.write_bytes(struct.pack("<Q", 2**40) + text + bytes(64))
    legacy = io.BytesIO()
    for part in (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001}):
        pickle.dump(part, legacy, protocol=2)
    _Absurd(legacy, values).dump({"x": torch.ones(2).untyped_storage()})
    pickle.dump(["0"], legacy, protocol=2)
    (tmp_path / "legacy.pth").write_bytes(legacy.getvalue() + struct.pack("<q", values) + bytes(64))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for path in (flat, lying, tmp_path / "legacy.pth"):
        with pytest.raises(ClibdError):
            read_tensors(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


@pytest.mark.parametrize("name", ["../x.json", "/etc/passwd", "a/b", "..", "C:\\x", "a\x00b"])
def test_an_index_names_no_file_elsewhere(tmp_path: Path, name: str) -> None:
    store = write_store(tmp_path / "s", specimens(3), unit_vectors(3))
    index = tmp_path / "index"
    header = build_index([store], index, BuildPlan()).header
    bad = replace(header, sha256={**header.sha256, name: "0" * 64})
    (index / "index.json").write_text(bad.to_json(), encoding="utf-8")
    with pytest.raises(ClibdError, match="no file beside it"):
        read_header(index)


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_that_point_at_themselves(tmp_path: Path) -> None:
    store = write_store(tmp_path / "all" / "s", specimens(3), unit_vectors(3))
    (store / "loop").symlink_to(tmp_path / "all")
    assert find_stores(tmp_path / "all") == [store]
    link = tmp_path / "a.fasta"
    link.symlink_to(link)
    for read in (lambda: list(read_barcodes([link])), lambda: read_labels(link)):
        with pytest.raises(ClibdError, match=r"a\.fasta"):
            read()
    with pytest.raises(PhotoError):
        load_photo(link)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are of Unix")
def test_a_pipe_among_the_photos_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    with pytest.raises(PhotoError, match="not a regular file"):
        load_photo(tmp_path / "a.jpg")


ESCAPES = "\x1b]0;owned\x07\x1b[2J\x9b31m\x1b_x\x1b\\"


def test_terminal_commands_in_headers_and_labels_are_gone(tmp_path: Path) -> None:
    fasta = tmp_path / "a.fasta"
    fasta.write_text(f">s{ESCAPES}1|{ESCAPES}Aedes vexans|COI-5P\n{'ACGT' * 30}\n", "utf-8")
    table = tmp_path / "labels.csv"
    table.write_text(f"id,species\ns1,Aedes {ESCAPES}vexans\n", "utf-8")
    (found,) = read_barcodes([fasta])
    assert not isinstance(found, Skip)
    label = read_labels(table).find("s1")
    assert label is not None
    for text in (found.specimen_id, found.source, found.lineage.as_text(), label.lineage.as_text()):
        assert text.isprintable(), text


def test_terminal_commands_on_a_card_are_not_obeyed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIBD_HOME", str(tmp_path))
    install_tiny(tmp_path / "models", "mine", ("dna",))
    model = tmp_path / "models" / "mine"
    write_card(model, replace(read_card(model), title=ESCAPES, notes=ESCAPES, licence=ESCAPES))
    for words in (["models", "list"], ["models", "show", "mine"], ["check", "mine"]):
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, done.output
        assert not set("\x1b\x07\x9b") & set(done.output)
