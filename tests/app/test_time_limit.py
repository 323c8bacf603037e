import threading

import pytest

from ldpf.app.time_limit import AT_ONCE, within_time
from ldpf.errors import DataError, SettingsError


def test_what_returns_in_time_is_returned():
    assert within_time(lambda a, b: a + b, 1, 2) == 3


def test_an_error_passes():
    def fail():
        raise SettingsError("no")

    with pytest.raises(SettingsError, match="no"):
        within_time(fail)


def test_what_takes_too_long_is_given_up_with_a_sentence():
    over = threading.Event()
    with pytest.raises(DataError, match=r"longer than 0\.05 seconds"):
        within_time(over.wait, 30, seconds=0.05)
    over.set()


def test_a_slow_request_keeps_no_other_waiting():
    over = threading.Event()
    for _ in range(AT_ONCE):
        with pytest.raises(DataError):
            within_time(over.wait, 30, seconds=0.01)
    assert within_time(lambda: "answer", seconds=5) == "answer"
    over.set()
