from __future__ import annotations

import signal
import threading

import pytest

from clibd_cli.training.interrupts import uninterrupted


def test_ctrl_c_is_heard_at_the_end_of_the_block() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        signal.raise_signal(signal.SIGINT)
        done.append("whole")
    assert done == ["whole"]
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_an_error_in_the_block_is_told_and_the_handler_comes_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ValueError, match="wrong"), uninterrupted():
        raise ValueError("wrong")
    assert signal.getsignal(signal.SIGINT) is before


def test_other_threads_have_nothing_to_do() -> None:
    done = []

    def work() -> None:
        with uninterrupted():
            done.append(1)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [1]
