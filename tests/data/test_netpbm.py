import io
import random

import pytest
from PIL import Image

from ldpf.data import netpbm
from ldpf.data.images import UnreadableImageError, read_image
from ldpf.data.netpbm import is_slow_netpbm, read_netpbm


def netpbm_file(kind: int, greatest: int, seed: int) -> bytes:
    draws = random.Random(seed)
    width, height = draws.randint(1, 20), draws.randint(1, 20)
    values = [
        draws.randint(0, greatest) for _ in range(width * height * (3 if kind % 3 == 0 else 1))
    ]
    head = b"P%d\n%d %d\n" % (kind, width, height) + (b"" if kind == 1 else b"%d\n" % greatest)
    if kind > 3:
        return head + b"".join(v.to_bytes(1 if greatest < 256 else 2, "big") for v in values)
    between = [b" ", b"\n", b"\t", b" # note 7\n", b"  ", b"\r\n"]
    return head + b"".join(b"%d" % v + draws.choice(between) for v in values)


@pytest.mark.parametrize("part", [1, 3, 17, 2**20])
@pytest.mark.parametrize("greatest", [1, 7, 254, 255, 256, 1000, 65535])
@pytest.mark.parametrize("kind", [1, 2, 3, 5, 6])
def test_the_pixels_are_those_of_pillow(kind, greatest, part, monkeypatch):
    monkeypatch.setattr(netpbm, "_PART", part)
    monkeypatch.setattr(netpbm, "BLOCK", 13 * part)
    data = netpbm_file(kind, 1 if kind == 1 else greatest, seed=greatest + kind)
    stream = io.BytesIO(data)
    image = Image.open(stream)
    if not is_slow_netpbm(image):
        assert kind > 3 and greatest in (255, 65535)
        return
    picture = read_netpbm(image, stream)
    expected = Image.open(io.BytesIO(data))
    assert picture.mode == expected.mode
    assert picture.tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"P2\n2 2\n9\n1 2 3", "truncated"),
        (b"P5\n2 2\n9\n123", "truncated"),
        (b"P2\n2 2\n9\n1 2 3 10", "no number from 0 to 9"),
        (b"P2\n2 2\n9\n1 2 -3 4", "no number from 0 to 9"),
        (b"P2\n2 2\n9\n1 2 x 4", "no number from 0 to 9"),
        (b"P2\n2 2\n9\n1 2 3 12345678901234", "more than 10 digits"),
        (b"P1\n2 2\n0 1 2 0", "no number from 0 to 1"),
    ],
)
def test_what_is_damaged_is_refused(data, reason):
    with pytest.raises(UnreadableImageError, match=reason):
        read_image("a.pgm", data=data)


def test_what_follows_the_pixels_is_not_looked_at():
    assert read_image("a.pgm", data=b"P2\n2 1\n9\n0 9 and so on").tobytes() == bytes(
        [0] * 3 + [255] * 3
    )


def test_many_comments_take_no_time():
    # Pillow copies what is left after each of them: minutes.
    data = b"P2\n2 1\n9\n" + b"#\n" * 400_000 + b"0 9"
    assert read_image("a.pgm", data=data).size == (2, 1)
