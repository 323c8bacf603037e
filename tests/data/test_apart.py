import io
import sys

import numpy as np
import pytest
from PIL import Image

from ldpf.data import apart, opening
from ldpf.data.apart import end_idle, read_apart
from ldpf.data.images import UnreadableImageError, opened_picture, read_image


@pytest.fixture(autouse=True)
def no_processes_left():
    yield
    end_idle()


def saved(kind: str, mode="RGB", size=(60, 40), **options) -> bytes:
    bands = len(mode)
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], bands), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels if bands > 1 else pixels[..., 0]).save(stream, kind, **options)
    return stream.getvalue()


CASES = {
    "jp2": saved("JPEG2000"),
    "jp2 with alpha": saved("JPEG2000", "RGBA"),
    "gray jp2": saved("JPEG2000", "L"),
    "tiff of jpeg": saved("TIFF", compression="jpeg"),
}


@pytest.mark.parametrize("name", CASES)
def test_another_process_reads_the_same_picture(name):
    data = CASES[name]
    there = read_apart("a", io.BytesIO(data), len(data), 10**6, lambda needed: None)
    with opened_picture("a", data, apart=False) as here:
        assert there.picture.tobytes() == here.picture.tobytes()
        assert (there.format, there.mode) == (here.format, here.mode)
        assert (there.width, there.height) == (here.width, here.height)


def test_a_process_is_used_again():
    data = CASES["jp2"]
    numbers = []
    for _ in range(2):
        read_apart("a", io.BytesIO(data), len(data), 10**6, lambda needed: None)
        numbers.append(apart._IDLE[-1]._process.pid)
    assert numbers[0] == numbers[1]


@pytest.mark.slow
def test_what_takes_too_long_is_ended_and_the_next_image_is_read(monkeypatch):
    large = saved("JPEG2000", size=(3000, 2000))
    monkeypatch.setattr(apart, "MAX_SECONDS", 0.05)
    with pytest.raises(UnreadableImageError) as error:
        read_image("a.jp2", data=large)
    assert error.value.reason == "decoding it takes more than 10 seconds of processor time"
    monkeypatch.setattr(apart, "MAX_SECONDS", 10.0)
    assert read_image("a.jp2", data=CASES["jp2"]).size == (60, 40)


@pytest.mark.slow
def test_what_takes_too_much_memory_is_ended(monkeypatch):
    monkeypatch.setattr(apart, "MAX_MEMORY", -(2**30))
    with pytest.raises(UnreadableImageError) as error:
        read_image("a.jp2", data=saved("JPEG2000", size=(3000, 2000)))
    assert error.value.reason == "decoding it takes more than 400 MB of memory"


@pytest.mark.slow
def test_a_decoder_that_crashes_costs_one_image(monkeypatch):
    data = CASES["jp2"]

    def crash(needed):
        kill(apart_process[0])

    apart_process = []
    started = apart._Decoder.read

    def read(self, *arguments):
        apart_process.append(self)
        return started(self, *arguments)

    def kill(decoder):
        decoder._process.kill()
        decoder._process.wait()

    monkeypatch.setattr(apart._Decoder, "read", read)
    with pytest.raises(UnreadableImageError, match="its decoder crashed"):
        read_apart("a", io.BytesIO(data), len(data), 10**6, crash)
    assert apart._IDLE == []
    assert read_image("a.jp2", data=data).size == (60, 40)


def test_a_damaged_image_has_the_reason_that_it_has_here():
    data = CASES["jp2"][:200]
    with pytest.raises(UnreadableImageError) as there:
        read_image("a.jp2", data=data)
    with pytest.raises(UnreadableImageError) as here, opened_picture("a.jp2", data, apart=False):
        pass
    assert there.value.reason == here.value.reason


def test_without_another_process_the_image_is_read_here_and_that_is_said(monkeypatch, caplog):
    monkeypatch.setattr(sys, "executable", "")
    opening._warn_once.cache_clear()
    with opened_picture("a", CASES["jp2"]) as opened:
        assert opened.picture.size == (60, 40)
    assert "no other process can be started" in caplog.text


def test_how_much_it_takes_is_asked_for_before_it_is_decoded():
    asked = []
    data = CASES["jp2"]
    read_apart("a", io.BytesIO(data), len(data), 10**6, asked.append)
    assert len(asked) == 1 and asked[0] > 60 * 40


def bilevel(compression: str, size=(120, 90)) -> bytes:
    dots = np.kron(np.random.default_rng(0).integers(0, 2, (9, 12)), np.ones((10, 10)))
    picture = Image.fromarray((dots * 255).astype(np.uint8)).resize(size).convert("1")
    stream = io.BytesIO()
    picture.save(stream, "tiff", compression=compression)
    return stream.getvalue()


@pytest.mark.parametrize("compression", ["group3", "group4", "tiff_ccitt"])
def test_a_fax_tiff_is_read_as_it_is(compression):
    content = bilevel(compression)
    expected = Image.open(io.BytesIO(content)).convert("RGB").tobytes()
    assert read_image("x.tif", data=content).tobytes() == expected


def strip_of(content: bytes) -> slice:
    with Image.open(io.BytesIO(content)) as image:
        (start,), (length,) = image.tag_v2[273], image.tag_v2[279]
    return slice(start, start + length)


@pytest.mark.skipif(sys.platform != "linux", reason="needs memory that comes filled")
def test_a_fax_tiff_that_ends_early_is_refused():
    whole = bilevel("group4")
    strip = strip_of(whole)
    middle, reasons = (strip.start + strip.stop) // 2, []
    for bit in range(8):  # where a row ends is not known, so the mark is tried at each bit
        mark = (0x001001 << 8 >> bit).to_bytes(4, "big")
        content = bytearray(whole)
        content[middle : strip.stop] = (mark + bytes(strip.stop))[: strip.stop - middle]
        assert Image.open(io.BytesIO(content)).tobytes()  # Pillow finds nothing wrong
        try:
            read_image("x.tif", data=bytes(content))
        except UnreadableImageError as error:
            reasons.append(error.reason)
    assert any("ends before its last row" in reason for reason in reasons)


def test_damaged_fax_tiffs_give_the_same_each_time():
    whole = bilevel("group4", size=(60, 45))
    strip = strip_of(whole)
    for seed in range(40):
        draws = np.random.default_rng(seed)
        content = bytearray(whole)
        content[int(draws.integers(strip.start, strip.stop))] = int(draws.integers(256))
        readings = set()
        for _ in range(2):
            try:
                readings.add(read_image("x.tif", data=bytes(content)).tobytes())
            except UnreadableImageError as error:
                readings.add(error.reason)
        assert len(readings) == 1
