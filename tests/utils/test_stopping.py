from __future__ import annotations

import os
import signal
import threading

import pytest

from ldpf.utils.stopping import (
    Terminated,
    says_on_stop,
    sigterm_like_ctrl_c,
    stops_between_steps,
)


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.fixture(autouse=True)
def usual_handlers():
    """As in a terminal, also where a job in the background ignores the signal.

    SIGTERM too: Ray takes it for itself in a process that it was used in, and keeps it.
    """
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_sigterm_is_an_interruption_of_its_own_kind():
    with pytest.raises(Terminated), sigterm_like_ctrl_c():
        send(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_handler_of_the_caller_stays():
    seen = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
    try:
        with sigterm_like_ctrl_c():
            send(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen == [signal.SIGTERM]


@pytest.mark.parametrize(("number", "kind"), [(2, KeyboardInterrupt), (15, Terminated)])
def test_a_stop_waits_for_the_end_of_the_step(number, kind):
    done = []
    with pytest.raises(kind), sigterm_like_ctrl_c(), stops_between_steps() as stop:
        for step in range(3):
            if step == 1:
                send(number)
            done.append((step, stop.asked))
            stop.now()
    assert done == [(0, False), (1, True)]


def test_a_second_stop_does_not_wait():
    done = []
    with pytest.raises(KeyboardInterrupt), stops_between_steps():
        send(signal.SIGINT)
        done.append("first")
        send(signal.SIGINT)
        done.append("second")
    assert done == ["first"]


def test_a_stop_in_the_last_step_is_not_lost():
    with pytest.raises(KeyboardInterrupt), stops_between_steps():
        send(signal.SIGINT)


def test_handlers_are_as_they_were():
    with stops_between_steps():
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_other_threads_change_no_handler():
    seen = []

    def work() -> None:
        with sigterm_like_ctrl_c(), stops_between_steps() as stop:
            stop.now()
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]


def test_the_innermost_words_count():
    with (
        pytest.raises(KeyboardInterrupt) as caught,
        says_on_stop(lambda: "outer"),
        says_on_stop(lambda: "inner"),
    ):
        raise KeyboardInterrupt
    assert caught.value.args == ("inner",)
