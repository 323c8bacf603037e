"""What `import ldpf` offers."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import ldpf
from ldpf.version import __version__


def test_every_public_name_is_there() -> None:
    assert set(ldpf.__all__) == {*ldpf._HOMES, "__version__"}
    for name in ldpf.__all__:
        assert getattr(ldpf, name) is not None


def test_no_subpackage_hides_a_public_name() -> None:
    assert [name for name in ldpf._HOMES if importlib.util.find_spec(f"ldpf.{name}")] == []


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, ldpf; sys.exit(bool({'torch', 'numpy', 'sklearn'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_the_version_is_written_down_once() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)
    assert ldpf.__version__ == __version__
    root = Path(ldpf.__file__).parent
    written = [
        file for file in root.rglob("*.py") if re.search(r"(?m)^__version__ =", file.read_text())
    ]
    assert written == [root / "version.py"]
