import io
import threading
import time

import pytest

from ldpf.data.limits import (
    REDUCED_PIXELS,
    SMALL_BYTES,
    WHOLE_PIXELS,
    InFlight,
    TooLongError,
    reduction,
    watched,
)


@pytest.mark.parametrize("size", [(4000, 6000), (1, 24_000_000), (227, 227)])
def test_up_to_24_million_pixels_an_image_keeps_its_size(size):
    assert reduction(*size) == 1


@pytest.mark.parametrize("size", [(4001, 6000), (9459, 9459), (1, 89_478_485), (89_478_485, 1)])
def test_a_larger_image_is_reduced_to_at_most_4_million_pixels_and_not_needlessly(size):
    factor = reduction(*size)
    after = [-(-side // factor) for side in size]
    assert after[0] * after[1] <= REDUCED_PIXELS
    assert after[0] * after[1] > REDUCED_PIXELS / 3 and WHOLE_PIXELS > REDUCED_PIXELS


def test_a_watched_stream_ends_a_loop_of_reads_in_any_thread():
    ended = []

    def loop():
        stream = watched(io.BytesIO(bytes(SMALL_BYTES + 1)), SMALL_BYTES + 1, seconds=0.05)
        try:
            while True:
                stream.seek(0)
                stream.read(1)
        except TooLongError:
            ended.append(True)

    thread = threading.Thread(target=loop)
    thread.start()
    thread.join(timeout=60)
    assert ended == [True]


def test_waiting_does_not_count_as_time():
    stream = watched(io.BytesIO(bytes(SMALL_BYTES + 1)), SMALL_BYTES + 1, seconds=0.05)
    time.sleep(0.1)
    assert stream.read(3) == bytes(3)


def test_a_small_file_is_not_watched():
    stream = io.BytesIO(b"abc")
    assert watched(stream, 3) is stream


def most_at_once(flight: InFlight, sizes: list[int]) -> int:
    """What is held at most while as many threads as there are sizes hold theirs for a moment."""
    lock, held, most = threading.Lock(), 0, 0

    def hold(size):
        nonlocal held, most
        with flight.hold(size):
            with lock:
                held += size
                most = max(most, held)
            time.sleep(0.01)
            with lock:
                held -= size

    threads = [threading.Thread(target=hold, args=(size,)) for size in sizes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert flight.held == 0
    return most


def test_all_threads_together_hold_no_more_than_the_limit():
    assert most_at_once(InFlight(100), [40] * 12) == 80


def test_what_is_larger_than_the_limit_runs_alone():
    assert most_at_once(InFlight(100), [250, 60, 60, 250]) == 250
