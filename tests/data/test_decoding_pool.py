"""A stopped command does not wait for the images that are being decoded."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from ldpf.data import apart
from ldpf.data.decoding_pool import decoding_pool, end_decoding
from ldpf.data.limits import SMALL_BYTES, TooLongError, watched

SIZE = SMALL_BYTES + 1


def _reads_for_long(started: threading.Event) -> str:
    stream = watched(io.BytesIO(bytes(SIZE)), SIZE, seconds=60.0)
    started.set()
    try:
        while True:
            stream.seek(0)
            time.sleep(0.001)
    except TooLongError:
        return "ended"


def test_ctrl_c_ends_what_is_decoded_and_starts_nothing_that_waits():
    started, later = threading.Event(), []
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt), decoding_pool(1) as pool:
        running = pool.submit(_reads_for_long, started)
        waiting = pool.submit(later.append, 1)
        started.wait(10)
        raise KeyboardInterrupt
    assert time.monotonic() - begun < 10
    assert running.result() == "ended" and waiting.cancelled() and not later


def test_another_error_leaves_the_decoding_of_other_threads_alone():
    stream = watched(io.BytesIO(bytes(SIZE)), SIZE)
    with pytest.raises(ValueError, match="x"), decoding_pool(1):
        raise ValueError("x")
    assert stream.read(1) == b"\0"
    end_decoding()
    with pytest.raises(TooLongError):
        stream.read(1)


def test_what_begins_after_a_stop_is_decoded():
    end_decoding()
    assert watched(io.BytesIO(bytes(SIZE)), SIZE).read(2) == b"\0\0"


def test_a_process_that_decodes_is_killed():
    decoder = apart._take()
    apart._BUSY.append(decoder)
    try:
        end_decoding()
        deadline = time.monotonic() + 10
        while decoder.runs and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not decoder.runs
    finally:
        apart._BUSY.remove(decoder)
        decoder.end()


PROGRAM = """
import io, sys, threading, time
import typer
from ldpf.cli.group import CommandLine
from ldpf.data.decoding_pool import decoding_pool
from ldpf.data.limits import SMALL_BYTES, TooLongError, watched

app = typer.Typer(cls=CommandLine, pretty_exceptions_enable=False)
SIZE = SMALL_BYTES + 1

def read():
    stream = watched(io.BytesIO(bytes(SIZE)), SIZE, seconds=60.0)
    while True:
        stream.seek(0)
        time.sleep(0.001)

def images():
    with decoding_pool(1) as pool:
        futures = [pool.submit(read) for _ in range(3)]
        time.sleep(0.1)
        yield futures

@app.command()
def loop():
    for futures in images():  # an interruption closes the generator of a loop
        print("begun", flush=True)
        time.sleep(60)

@app.command()
def kept():
    several = images()  # and leaves one that has a name as it is
    next(several)
    print("begun", flush=True)
    time.sleep(60)

app()
"""


@pytest.mark.skipif(os.name == "nt", reason="needs signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("command", ["loop", "kept"])
def test_a_command_ends_at_once_whoever_uses_the_images(command: str, number: int, code: int):
    words = [sys.executable, "-c", PROGRAM, command]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"begun\n"
    begun = time.monotonic()
    process.send_signal(number)
    _, words = process.communicate(timeout=60)
    assert process.returncode == code and b"Stopped." in words
    assert time.monotonic() - begun < 20
