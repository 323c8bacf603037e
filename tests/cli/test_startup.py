"""Help and refusals come at once: nothing heavy is imported for them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"PIL", "matplotlib", "numpy", "scipy", "sklearn", "torch", "transformers"}
CODE = """
import json, sys
sys.argv = ["ldpf", *json.loads(sys.argv[1])]
from ldpf.cli import main
try:
    main()
except SystemExit as end:
    code = end.code
loaded = sorted({name.partition(".")[0] for name in sys.modules})
commands = sorted(name for name in sys.modules if name.startswith("ldpf.cli."))
print("\\n" + json.dumps([code, loaded, commands]))
"""


def call(*words: object) -> tuple[int, set[str], list[str], str]:
    """Exit code, packages that were imported, modules of the command line, and stderr."""
    arguments = json.dumps([str(word) for word in words])
    done = subprocess.run([sys.executable, "-c", CODE, arguments], capture_output=True, text=True)
    code, loaded, commands = json.loads(done.stdout.splitlines()[-1])
    return code or 0, set(loaded), commands, done.stderr


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder that holds an empty folder and a file that looks like a model."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        ("--version",),
        ("train", "--help"),
        ("benchmark", "--help"),
        ("study", "--help"),
        ("datasets", "--help"),
        ("datasets", "prepare", "--help"),
    ],
    ids=" ".join,
)
def test_help_imports_nothing_heavy(words):
    code, loaded, _, _ = call(*words)
    assert code == 0
    assert not loaded & HEAVY


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("trian",), "Did you mean 'train'?"),
        (("train", "--nope"), "--nope"),
        (("train",), "PATH"),
        (("train", "photos", "--out", "m", "--method", "ldfp"), "Did you mean 'ldpf'"),
        (("train", "photo", "--out", "m"), "Did you mean 'photos'?"),
        (("train", "--data", "photo", "--out", "m"), "Did you mean 'photos'?"),
        (("train", "photos", "--data", "other", "--out", "m"), "'other'"),
        (("features", "photo"), "Did you mean 'photos'?"),
        (("benchmark", "photo"), "Did you mean 'photos'?"),
        (("benchmark", "photos", "--methods", "ldpf,copo"), "Did you mean 'coop'"),
        (("benchmark", "photos", "--protocol", "single"), "single-source"),
        (("train", "photos", "--out", "m", "--selection", "none"), "target-oracle"),
        (("study", "fusoin"), "Did you mean 'fusion'?"),
        (("study", "fusion", "photo"), "Did you mean 'photos'?"),
        (("evaluate", "modle", "photos"), "'modle'"),
        (("evaluate", "model", "photo"), "Did you mean 'photos'?"),
        (("predict", "modle", "photos"), "'modle'"),
        (("predict", "model", "photo"), "Did you mean 'photos'?"),
        (("domains", "photo"), "Did you mean 'photos'?"),
        (("domains", "modle", "photos"), "'modle'"),
        (("info", "modle"), "'modle'"),
        (("export", "modle", "--out", "m.onnx"), "'modle'"),
        (("app", "modle"), "'modle'"),
        (("report", "modle"), "'modle'"),
        (("table", "results"), "results"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, tuple) else "",
)
def test_what_is_refused_imports_nothing_heavy(words, said, here):
    code, loaded, _, stderr = call(*words)
    assert code == 2
    assert said in " ".join(stderr.split())
    assert not loaded & HEAVY


def test_help_imports_no_command_and_a_command_no_other(here):
    _, _, modules, _ = call("--help")
    files = ("base", "choices", "console", "group", "grouping", "options", "streams")
    shared = {f"ldpf.cli.{name}" for name in files}
    assert set(modules) <= shared
    _, _, modules, _ = call("info", "modle")
    # What `train` prints of an automatic choice as well is no command.
    assert set(modules) - shared == {"ldpf.cli.info", "ldpf.cli.chosen"}
