from __future__ import annotations

import signal
import threading

import pytest

from clibd_cli.training.interrupts import Ended, ended_like_ctrl_c, uninterrupted

pytestmark = pytest.mark.usefixtures("plain_signals")

HAS_SIGHUP = hasattr(signal, "SIGHUP")


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


def test_a_signal_to_end_is_like_ctrl_c() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt) as told, ended_like_ctrl_c():
        signal.raise_signal(signal.SIGTERM)
    assert isinstance(told.value, Ended)
    assert told.value.exit_code == 143
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_signal_to_end_waits_for_the_end_of_the_block() -> None:
    done = []
    with pytest.raises(Ended), ended_like_ctrl_c():
        with uninterrupted():
            signal.raise_signal(signal.SIGTERM)
            done.append("whole")
        done.append("more")
    assert done == ["whole"]


@pytest.mark.skipif(not HAS_SIGHUP, reason="the platform has no SIGHUP")
def test_what_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ended_like_ctrl_c(), uninterrupted():
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
