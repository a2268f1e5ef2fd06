"""The context manager that things with a `close` have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import TypeVar

Itself = TypeVar("Itself", bound="Closing")


class Closing(ABC):
    """Closes at the end of a `with` block, however it ends."""

    @abstractmethod
    def close(self) -> None:
        """Let go of everything. A second call does nothing."""

    def __enter__(self: Itself) -> Itself:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
