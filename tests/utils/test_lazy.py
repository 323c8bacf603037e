from __future__ import annotations

import subprocess
import sys

import pytest

from ldpf.utils.lazy import lazy_names


def test_a_name_comes_from_its_home() -> None:
    get = lazy_names("json", {"JSONDecoder": ".decoder", "Path": "pathlib"})
    assert get("JSONDecoder").__module__ == "json.decoder"
    assert get("Path").__name__ == "Path"


def test_another_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="module 'json' has no attribute 'Pat'"):
        lazy_names("json", {"Path": "pathlib"})("Pat")


ROOMS = ("", ".backbones", ".data", ".domains", ".features", ".fusion", ".methods", ".studies")


@pytest.mark.slow
@pytest.mark.parametrize("room", ROOMS)
def test_a_room_is_imported_without_torch_and_offers_every_name(room: str) -> None:
    code = (
        f"import sys, importlib; room = importlib.import_module('ldpf{room}');"
        "assert 'torch' not in sys.modules; [getattr(room, name) for name in room.__all__]"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
