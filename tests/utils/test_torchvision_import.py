from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CALL = "from ldpf.utils.torchvision_import import mend_torchvision as m; m(); m()"


def import_after_mending(folder: Path, lines: list[str]) -> subprocess.CompletedProcess[str]:
    """Import a made-up torchvision of these lines, after mending, in a process of its own."""
    (folder / "torchvision").mkdir()
    (folder / "torchvision" / "__init__.py").write_text("\n".join(lines))
    script = (
        f"import sys; sys.path.insert(0, {str(folder)!r}); {CALL}; import torchvision; "
        "print(torchvision.__version__)"
    )
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)


@pytest.mark.slow
def test_operators_that_could_not_be_loaded_are_declared(tmp_path):
    lines = [
        "import torch",
        "for name in ('one', 'another', 'a_third'):",
        "    torch.library.register_fake(f'torchvision::{name}')(lambda *_: None)",
        "__version__ = 'made up'",
    ]
    done = import_after_mending(tmp_path, lines)
    assert done.stdout == "made up\n", done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("raise RuntimeError('out of luck')", "RuntimeError: out of luck"),
        ("raise RuntimeError('operator torchvision::a does not exist')", "torchvision::a does not"),
        ("import not_there", "No module named 'not_there'"),
        ("raise OSError('no such library')", "OSError: no such library"),
    ],
)
def test_what_else_is_wrong_is_left_to_those_who_import_it(line, error, tmp_path):
    done = import_after_mending(tmp_path, [line])
    assert done.returncode == 1 and error in done.stderr.splitlines()[-1]


def test_a_torchvision_in_order_is_imported_as_it_is(tmp_path):
    done = import_after_mending(tmp_path, ["__version__ = 'good'"])
    assert done.stdout == "good\n", done.stderr
