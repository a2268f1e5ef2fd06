"""Nothing in a checkpoint ever runs, and what cannot be read says why."""

from __future__ import annotations

import argparse
import collections
import io
import json
import os
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from clibd_cli.core.errors import ClibdError
from clibd_cli.models.checkpoint import read_tensors
from clibd_cli.models.pickles import foreign_names
from tests.models.tiny import barcodebert_4mer, clibd_state, save


class Call:
    """Pickles as a call of `function(*arguments)`."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.call


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[n], right[n]) for n in left)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("wrapper", [None, "model", "state_dict", "model_state_dict"])
def test_reads_torch_files_of_both_formats_with_and_without_wrapper(
    tmp_path: Path, legacy: bool, wrapper: str | None
) -> None:
    state = clibd_state()
    held = state if wrapper is None else {wrapper: state, "epoch": 3, "args": {"lr": 1e-3}}
    path = tmp_path / "best.pth"
    torch.save(held, path, _use_new_zipfile_serialization=not legacy)
    assert same(read_tensors(path).tensors, state)


def test_reads_safetensors_whatever_the_suffix(tmp_path: Path) -> None:
    state = clibd_state()
    save_file(state, tmp_path / "weights.pth")
    assert same(read_tensors(tmp_path / "weights.pth").tensors, state)


def test_keeps_the_bert_config_beside_the_model(tmp_path: Path) -> None:
    raw = read_tensors(save(barcodebert_4mer(), tmp_path / "b.pt"))
    assert raw.bert_config is not None
    assert raw.bert_config["num_attention_heads"] == 4
    assert "bert.embeddings.word_embeddings.weight" in raw.tensors


def test_tolerates_optimiser_and_parameters(tmp_path: Path) -> None:
    weight = torch.nn.Parameter(torch.ones(2))
    held = {
        "model": collections.OrderedDict(x=weight),
        "optimizer": {"state": {0: {"step": torch.tensor(3), "exp_avg": torch.ones(2)}}},
        "scheduler": {"last_epoch": 3, "base_lrs": [1e-3]},
        "loss": 0.25,
    }
    tensors = read_tensors(save(held, tmp_path / "best.pth")).tensors
    assert list(tensors) == ["x"]
    assert not tensors["x"].requires_grad


def test_widens_half_precision_and_narrows_double(tmp_path: Path) -> None:
    values = torch.tensor([0.5, -1.25])
    held = {"h": values.half(), "b": values.bfloat16(), "d": values.double(), "i": values.long()}
    tensors = read_tensors(save(held, tmp_path / "best.pth")).tensors
    assert all(tensors[n].dtype == torch.float32 for n in "hbd")
    assert all(torch.equal(tensors[n], values) for n in "hbd")
    assert tensors["i"].dtype == torch.int64


def malicious(marker: Path) -> dict[str, tuple[object, str]]:
    touch = f"open({str(marker)!r}, 'w').close()"
    system = f"{os.system.__module__}.system"
    inner = pickle.dumps(Call(os.system, f"echo x > {marker}"))
    return {
        "os.system": (Call(os.system, f"echo x > {marker}"), system),
        "eval": (Call(eval, touch), "builtins.eval"),
        "exec in a list": ([1, {"a": (Call(exec, touch),)}], "builtins.exec"),
        "nested call": (Call(getattr, Call(__import__, "os"), "system"), "builtins.__import__"),
        "pickle in a pickle": (Call(pickle.loads, inner), system),
    }


@pytest.mark.parametrize("protocol", [0, 1, 2, 4, 5])
@pytest.mark.parametrize("container", ["pickle", "zip", "legacy"])
@pytest.mark.parametrize("case", ["os.system", "eval", "exec in a list", "nested call"])
def test_refuses_code_by_name_and_never_runs_it(
    tmp_path: Path, case: str, container: str, protocol: int
) -> None:
    marker = tmp_path / "ran"
    payload, name = malicious(marker)[case]
    path = tmp_path / "best.pth"
    held = {"model": clibd_state(["text"]), "args": payload}
    if container == "pickle":
        path.write_bytes(pickle.dumps(payload, protocol=protocol))
    else:
        torch.save(
            held,
            path,
            pickle_protocol=max(protocol, 2),
            _use_new_zipfile_serialization=container == "zip",
        )
    with pytest.raises(ClibdError, match=r"which is code, not weights") as error:
        read_tensors(path)
    named = name.replace("builtins", "__builtin__") if protocol < 3 else name
    assert name in error.value.message or named in error.value.message
    assert not marker.exists()


def test_names_what_a_pickle_inside_a_string_holds(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    payload, name = malicious(marker)["pickle in a pickle"]
    for protocol in (2, 4):
        path = tmp_path / "best.pth"
        torch.save({"x": torch.ones(1), "args": payload}, path, pickle_protocol=protocol)
        with pytest.raises(ClibdError, match="which is code") as error:
            read_tensors(path)
        assert name in error.value.message
        assert "pickle.loads" in error.value.message
    assert not marker.exists()


def test_names_what_a_second_pickle_in_the_zip_holds(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    path = save(clibd_state(["text"]), tmp_path / "best.pth")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("best/extra.pkl", pickle.dumps(Call(eval, f"open({str(marker)!r}, 'w')")))
    with pytest.raises(ClibdError, match=r"builtins\.eval"):
        read_tensors(path)
    assert not marker.exists()


def test_names_code_hidden_behind_the_memo() -> None:
    hidden = b"\x80\x04\x8c\x05posix\x94\x8c\x06system\x940h\x00h\x01\x93."
    assert foreign_names(io.BytesIO(hidden)) == ["posix.system"]


@pytest.mark.parametrize(
    ("code", "named"),
    [
        (b"\x8c\x05posix\x8c\x06system0\x8c\x06system\x93.", "posix.system"),
        (b"\x8c\x05posix\x8c\x06system20\x93.", "posix.system"),
        (b"\x8c\x05posix2\x93.", "posix.posix"),
        (b"\x8c\x05posix(K\x01K\x021\x8c\x06system\x93.", "posix.system"),
        (b"\x8c\x05posix(K\x01\x8c\x01xl0\x8c\x06system\x93.", "posix.system"),
        (b"\x8c\x05posix}(\x8c\x01aK\x02u0\x8c\x06system\x93.", "posix.system"),
        (b"(K\x01K\x02t\x8c\x06system\x93.", "a name that it hides"),
        (b"\x93.", "a name that it hides"),
    ],
)
def test_names_code_hidden_behind_moves_of_the_stack(code: bytes, named: str) -> None:
    assert foreign_names(io.BytesIO(b"\x80\x04" + code)) == [named]


def test_a_whole_model_object_is_refused_by_its_class(tmp_path: Path) -> None:
    path = save(torch.nn.Linear(2, 2), tmp_path / "model.pt")
    with pytest.raises(ClibdError, match=r"torch\.nn\.modules\.linear\.Linear"):
        read_tensors(path)


def test_unknown_companions_are_listed(tmp_path: Path) -> None:
    path = save({"model": clibd_state(["text"]), "gadget": 3}, tmp_path / "best.pth")
    with pytest.raises(ClibdError, match="gadget"):
        read_tensors(path)


def test_values_that_are_no_tensors_are_listed(tmp_path: Path) -> None:
    with pytest.raises(ClibdError, match=r"gadget.*no tensors"):
        read_tensors(save({"x": torch.ones(1), "gadget": "a"}, tmp_path / "best.pth"))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\n", "Git LFS pointer"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b"hello, this is text", "is no checkpoint$"),
        (b"config: a\nlr: 3\nclass\nfoo\n", "is no checkpoint$"),
        (b"GIF89a" + bytes(100), "is no checkpoint$"),
        (b"\x80\x02 and no more", "damaged or no checkpoint$"),
        (b"\x80\x02K\x01.", "damaged or no checkpoint$"),
        (b"\xff" * 8 + b'{"a": 1}', "damaged or no checkpoint"),
        (b"PK\x03\x04 and no more", "damaged"),
        (b"\x08\x00\x00\x00\x00\x00\x00\x00{}      ", "no tensors"),
        (b"\x08\x00\x00\x00\x00\x00\x00\x00{not json", "damaged"),
        (b"\xff\xff\xff\x00\x00\x00\x00\x00{not json", "no checkpoint"),
    ],
)
def test_other_files_say_what_they_are(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "best.pth"
    path.write_bytes(content)
    with pytest.raises(ClibdError, match=told) as error:
        read_tensors(path)
    assert error.value.hint
    assert "best.pth" in error.value.message
    assert_own_words(error.value)


def assert_own_words(error: ClibdError) -> None:
    told = f"{error.message} {error.hint}".lower()
    for advice in ("weights_only", "torch.load", "safe_globals", "arbitrary", "pytorch"):
        assert advice not in told


@pytest.mark.parametrize("legacy", [False, True])
def test_what_only_torch_refuses_is_told_in_our_own_words(tmp_path: Path, legacy: bool) -> None:
    # Each name is a part of tensors, but they are not put together as torch does it.
    for held in (Call(torch.Size, "abc"), Call(torch.device, 1, 2, 3), Call(complex, "x")):
        path = tmp_path / "best.pth"
        torch.save({"x": held}, path, _use_new_zipfile_serialization=not legacy)
        with pytest.raises(ClibdError) as error:
            read_tensors(path)
        assert_own_words(error.value)
    # torch's lock knows no instruction of protocol 4.
    torch.save(
        {"x": torch.ones(1)},
        path,
        pickle_protocol=4,
        _use_new_zipfile_serialization=not legacy,
    )
    with pytest.raises(ClibdError, match=r"best\.pth cannot be read as tensors alone$") as error:
        read_tensors(path)
    assert_own_words(error.value)


def test_the_official_companions_of_barcodebert_are_tolerated(tmp_path: Path) -> None:
    held = {
        **barcodebert_4mer(),
        "optimizer": {"state": {}, "param_groups": [{"lr": 1e-4}]},
        "scheduler": {"total_steps": 10},
        "config": {"arch": "transformer", "k_mer": 4, "gpu": None, "lr": 1e-4},
        "epoch": 35,
        "total_step": 1000,
        "n_samples_seen": 64_000,
        "max_accuracy": 61.5,
        "best_epoch": 34,
    }
    for legacy in (False, True):
        path = tmp_path / "checkpoint_pretraining.pt"
        torch.save(held, path, _use_new_zipfile_serialization=not legacy)
        raw = read_tensors(path)
        assert raw.bert_config is not None
        assert same(raw.tensors, held["model"])  # type: ignore[arg-type]


def test_settings_that_are_an_object_are_refused_by_name(tmp_path: Path) -> None:
    held = {**barcodebert_4mer(), "config": argparse.Namespace(k_mer=4)}
    with pytest.raises(ClibdError, match=r"argparse\.Namespace"):
        read_tensors(save(held, tmp_path / "checkpoint.pt"))


def test_tensors_of_too_many_dimensions_are_named(tmp_path: Path) -> None:
    for axes in (5, 60):
        path = save({"some.weight": torch.zeros((1,) * axes)}, tmp_path / "best.pth")
        with pytest.raises(ClibdError, match=rf"some\.weight in .* has {axes} dimensions"):
            read_tensors(path)
    header = json.dumps(
        {"some.weight": {"dtype": "F32", "shape": [1] * 5000, "data_offsets": [0, 4]}}
    ).encode()
    path = tmp_path / "best.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    with pytest.raises(ClibdError, match=r"best\.safetensors"):
        read_tensors(path)


def test_a_missing_file_and_a_folder_are_errors(tmp_path: Path) -> None:
    for path in (tmp_path / "none.pth", tmp_path):
        with pytest.raises(ClibdError, match="cannot read"):
            read_tensors(path)


@pytest.mark.parametrize("legacy", [False, True])
def test_truncated_files_are_errors(tmp_path: Path, legacy: bool) -> None:
    path = tmp_path / "best.pth"
    torch.save(clibd_state(), path, _use_new_zipfile_serialization=not legacy)
    whole = path.read_bytes()
    for part in (1, 10, 100, len(whole) // 2, len(whole) - 10):
        path.write_bytes(whole[:part])
        with pytest.raises(ClibdError):
            read_tensors(path)


def test_compressed_archives_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "best.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("best/data.pkl", bytes(10_000))
    with pytest.raises(ClibdError, match="compressed"):
        read_tensors(path)


def test_a_view_that_claims_more_than_the_file_is_refused(tmp_path: Path) -> None:
    path = save({"x": torch.zeros(1).expand(10**9)}, tmp_path / "best.pth")
    with pytest.raises(ClibdError, match=r"x in .* claims more values"):
        read_tensors(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_named(tmp_path: Path, value: float) -> None:
    path = save({"a": torch.ones(2), "some.weight": torch.tensor([1.0, value])}, tmp_path / "b.pth")
    with pytest.raises(ClibdError, match=r"some\.weight"):
        read_tensors(path)


def test_dictionaries_that_hold_each_other_end(tmp_path: Path) -> None:
    held: dict[str, object] = {}
    held["model"] = {"model": held}
    with pytest.raises(ClibdError):
        read_tensors(save(held, tmp_path / "best.pth"))


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=200))
def test_the_walk_over_pickles_never_fails(content: bytes) -> None:
    foreign_names(io.BytesIO(content))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2000), st.binary(min_size=1, max_size=8))
def test_damaged_files_never_give_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, offset: int, garbage: bytes
) -> None:
    path = tmp_path_factory.mktemp("damage") / "best.pth"
    torch.save({"a.weight": torch.arange(20.0), "b": torch.ones(2)}, path)
    content = bytearray(path.read_bytes())
    content[offset : offset + len(garbage)] = garbage
    path.write_bytes(content)
    try:
        read_tensors(path)
    except ClibdError as error:
        assert error.hint
