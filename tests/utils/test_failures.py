from __future__ import annotations

import errno

import numpy as np
import pytest
import torch

from ldpf.utils.failures import failure_sentence, is_of_storage


def test_a_full_disk_is_named_with_its_path_and_what_to_do():
    error = OSError(errno.ENOSPC, "No space left on device", "/data/out/report.html")
    assert failure_sentence(error) == (
        "Cannot use '/data/out/report.html' (No space left on device); make room there, or give "
        "another place."
    )


def test_an_error_without_advice_is_still_a_sentence():
    error = OSError(errno.ESPIPE, "Illegal seek", "/dev/pipe")
    assert failure_sentence(error) == "Cannot use '/dev/pipe' (Illegal seek)."


def test_an_error_without_a_path_says_what_happened():
    assert failure_sentence(OSError("broken")) == "A file or device cannot be used (broken)."


@pytest.mark.parametrize("name", [b"/data/\xff", "x" * 5000])
def test_any_path_can_be_named(name):
    sentence = failure_sentence(OSError(errno.ENAMETOOLONG, "File name too long", name))
    assert sentence is not None and sentence.endswith("; give a shorter name.")
    assert len(sentence) < 1200


def test_memory_that_runs_out_is_a_sentence():
    def of_numpy():
        np.empty(2**58)

    def of_torch():
        torch.empty(2**58)

    for allocate in (of_numpy, of_torch):
        with pytest.raises((MemoryError, RuntimeError)) as caught:
            allocate()
        sentence = failure_sentence(caught.value)
        assert sentence is not None and sentence.startswith("There is not enough memory")


@pytest.mark.parametrize("error", [RuntimeError("shape mismatch"), KeyError("x"), ValueError("y")])
def test_a_defect_is_no_failure_of_the_machine(error):
    assert failure_sentence(error) is None


def test_all_that_is_said_in_one_view(golden):
    kinds = ("ENOSPC", "EROFS", "EACCES", "ENAMETOOLONG", "EMFILE", "EIO", "ESPIPE")
    errors = [OSError(getattr(errno, kind), f"<{kind}>", "/data/out.csv") for kind in kinds]
    sentences = map(failure_sentence, [*errors, OSError("broken"), MemoryError()])
    golden([sentence or "nothing" for sentence in sentences])


@pytest.mark.parametrize(
    ("error", "beginning"),
    [
        (RuntimeError("can't start new thread"), "The system starts no further thread"),
        (
            ImportError("/lib/a.so: failed to map segment from shared object"),
            "There is not enough memory",
        ),
        (ImportError("a.so: cannot allocate memory in static TLS block"), "There is not enough"),
    ],
)
def test_what_the_system_does_not_give_is_a_sentence(error, beginning):
    assert (failure_sentence(error) or "").startswith(beginning)


def test_a_missing_library_is_no_failure_of_the_machine():
    assert failure_sentence(ImportError("No module named 'x'")) is None


def test_a_size_beyond_every_memory_is_a_sentence():
    with pytest.raises(RuntimeError) as caught:
        torch.randn((2, 10**18, 128))
    assert (failure_sentence(caught.value) or "").startswith("There is not enough memory")


@pytest.mark.parametrize(
    ("error", "is_of"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.EROFS, "Read-only file system"), True),
        (PermissionError(errno.EACCES, "Permission denied", "/cache"), True),
        (PermissionError(errno.EACCES, "Permission denied"), False),  # of a socket
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), False),
        (RuntimeError("No space left on device"), False),
    ],
)
def test_failures_of_storage_are_told_from_those_of_a_network(error, is_of):
    assert is_of_storage(error) is is_of
