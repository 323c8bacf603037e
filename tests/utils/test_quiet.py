from __future__ import annotations

import logging
import threading

from ldpf.utils.quiet import quiet

log = logging.getLogger("ldpf")


def test_nothing_is_said_within_and_everything_after(caplog):
    with caplog.at_level(logging.INFO, logger="ldpf"):
        with quiet():
            log.info("within")
        log.info("after")
    assert caplog.messages == ["after"]


def test_other_threads_are_heard(caplog):
    with caplog.at_level(logging.INFO, logger="ldpf"), quiet():
        thread = threading.Thread(target=log.info, args=("beside",))
        thread.start()
        thread.join()
    assert caplog.messages == ["beside"]


def test_an_error_ends_the_silence(caplog):
    try:
        with quiet():
            raise ValueError
    except ValueError:
        pass
    with caplog.at_level(logging.INFO, logger="ldpf"):
        log.info("after")
    assert caplog.messages == ["after"]
