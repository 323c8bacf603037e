"""docs/extending.md, word for word: on a copy of the package, and beside the package as it is."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

import ldpf
from ldpf.cli import app
from ldpf.experiments.plan import BenchmarkPlan
from ldpf.experiments.readouts import READOUTS, Readout
from ldpf.experiments.results import read_results, right_answers
from ldpf.experiments.runner import run_benchmark
from ldpf.fusion import FUSION_RULES
from ldpf.studies import Bench, make_study
from ldpf.training.recipe import FAST

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^`(\S+)`:\n\n```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
DIFFS = re.findall(r"^In `(\S+)`:\n\n```diff\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = [
    shlex.split(line)
    for block in re.findall(r"^```bash\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    for line in block.replace("\\\n", " ").splitlines()
]
BACKBONE = "openai/clip-vit-base-patch16"
SCRIPT = "try_it.py"
TESTS = (
    *("conftest.py", "fusion/test_rules.py", "experiments/test_readouts.py"),
    "methods/test_every_method.py",
)
SHORT = replace(FAST, max_steps=4, cooldown=0, evaluate_every=1, round_every=1)


def apply(diff: str, file: Path) -> None:
    """Change `file` as a reader does: find the lines that are there, add the new ones."""
    for hunk in diff.split("@@\n"):
        lines = hunk.splitlines(keepends=True)
        before = "".join(line[1:] for line in lines if line[0] in " -")
        after = "".join(line[1:] for line in lines if line[0] in " +")
        text = file.read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{file.name} does not hold once:\n{before}"
        file.write_text(text.replace(before, after), encoding="utf-8")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package and of the tests that the page names, with what the page adds."""
    root = tmp_path_factory.mktemp("checkout")
    shutil.copytree(
        Path(ldpf.__file__).parent, root / "src/ldpf", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(ROOT / "pyproject.toml", root)
    for name in TESTS:
        (root / "tests" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "tests" / name, root / "tests" / name)
    for name, code in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(code, encoding="utf-8")
    for name, diff in DIFFS:
        apply(diff, root / name)
    return root


@pytest.fixture
def call(tmp_path: Path) -> Callable[..., str]:
    """A function that runs a Python process and returns what it printed."""

    def run(*arguments: str, package: Path, folder: Path) -> str:
        environment = {
            **os.environ,
            "PYTHONPATH": str(package),
            "LDPF_CACHE": str(tmp_path / "cache"),
            "OMP_NUM_THREADS": "1",
        }
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run


@pytest.fixture
def photos(image_tree: Callable[..., Path], tmp_path: Path) -> Path:
    """A working folder with `photos` in it."""
    folder = tmp_path / "work"
    counts = {f"{site}/{kind}": 5 for site in ("art", "photo", "shop") for kind in ("cat", "dog")}
    image_tree(counts, folder / "photos")
    return folder


def test_the_page_has_what_it_promises() -> None:
    assert [name for name in FILES if name.startswith("src/")] == [
        "src/ldpf/fusion/cautious.py",
        "src/ldpf/methods/prototype.py",
    ]
    assert [name for name in FILES if name.startswith("tests/")] == [
        "tests/fusion/test_cautious.py",
        "tests/methods/test_prototype.py",
    ]
    assert SCRIPT in FILES
    assert [name for name, _ in DIFFS] == ["src/ldpf/fusion/__init__.py"]
    assert {words[0] for words in COMMANDS} == {"pytest", "ldpf"}


def test_its_code_is_in_the_style_of_the_house(checkout: Path) -> None:
    pytest.importorskip("ruff", reason="ruff is not installed")
    for arguments in (("check",), ("format", "--check")):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *arguments, "--no-cache", *FILES],
            cwd=checkout,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("words", [w for w in COMMANDS if w[0] == "pytest"], ids=" ".join)
def test_its_tests_pass(words: list[str], checkout: Path, call: Callable[..., str]) -> None:
    call(
        *("-m", "pytest", "-p", "no:cacheprovider", *words[1:]),
        package=checkout / "src",
        folder=checkout,
    )


def test_its_commands_show_the_new_names(
    checkout: Path, photos: Path, tiny_clip_folder: Path, call: Callable[..., str]
) -> None:
    commands = [
        [str(tiny_clip_folder) if word == BACKBONE else word for word in words[1:]]
        for words in COMMANDS
        if words[0] == "ldpf"
    ]
    for words in commands:
        words[words.index("--seeds") + 1] = "1"
        words += ["--targets", "art"]
    # One process for all of them: most of the time of each would be its imports.
    code = (
        "import json, sys\nfrom ldpf.cli import app\n"
        "for words in json.loads(sys.argv[1]): app(words, standalone_mode=False)"
    )
    arguments = ("-c", code, json.dumps(commands))
    printed = call(*arguments, package=checkout / "src", folder=photos)
    assert [words[0] for words in commands] == ["benchmark", "study", "benchmark"]
    first, rest = printed.split("Fusion rules on the same prompts")
    study, second = rest.split("Files:", 1)
    assert "ldpf-cautious" in first and "cautious" in study and "prototype" in second
    assert not (photos / "studies/runs").exists()  # it took the benchmark's
    assert "prototype" in {
        line["method"] for line in read_results(photos / "results/results.jsonl")
    }


def test_its_script_needs_no_change_of_the_package(
    photos: Path, tiny_clip_folder: Path, call: Callable[..., str]
) -> None:
    for name, code in FILES.items():
        if name.startswith("src/"):
            (photos / Path(name).name).write_text(code, encoding="utf-8")
    script = FILES[SCRIPT]
    assert script.count(BACKBONE) == script.count("seeds=3") == 1
    script = script.replace(BACKBONE, str(tiny_clip_folder))
    script = script.replace("seeds=3", 'seeds=1, targets=["art"]')
    (photos / SCRIPT).write_text(script, encoding="utf-8")
    printed = call(SCRIPT, package=Path(ldpf.__file__).parents[1], folder=photos)
    assert "| ldpf-cautious |" in printed and "| prototype |" in printed
    names = {line["method"] for line in read_results(photos / "tried/results.jsonl")}
    assert {"ldpf-cautious", "prototype"} <= names
    table = CliRunner().invoke(app, ["table", str(photos / "tried")])
    assert "ldpf-cautious" in table.output and "prototype" in table.output


# --- what the page says about rules that come later ---------------------------------------------


@pytest.fixture
def soft(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A function that registers a rule `soft`, as a script does."""

    def register() -> None:
        similarity = FUSION_RULES["similarity"]
        monkeypatch.setitem(FUSION_RULES, "soft", lambda s, tau: similarity(s, 4 * tau))
        monkeypatch.setitem(READOUTS, "ldpf-soft", Readout("ldpf", fusion="soft"))

    return register


def test_every_rule_is_a_readout() -> None:
    rules = {one.fusion for one in READOUTS.values() if one.fusion is not None}
    assert rules == set(FUSION_RULES) - {"similarity"}
    assert all(READOUTS[f"ldpf-{rule}"] == Readout("ldpf", rule) for rule in rules)


def test_a_run_finished_before_the_rule_was_there_is_trained_again(
    make_features, tiny_clip, tmp_path, soft, caplog
) -> None:
    data = make_features(5)

    def run(*methods: str) -> tuple[list, list[bool]]:
        before: list[bool] = []
        plan = BenchmarkPlan(methods=methods, recipe=SHORT, seeds=1, targets=["art"])
        lines, failures = run_benchmark(
            data, "drawn", tiny_clip, plan, tmp_path, on_run=lambda _, old: before.append(old)
        )
        assert failures == []
        return lines, before

    first, before = run("ldpf")
    assert before == [False]
    log = (tmp_path / "runs" / first[0]["run"] / "metrics.jsonl").read_text()
    soft()
    both, before = run("ldpf", "ldpf-soft")
    assert before == [False]
    assert [line["method"] for line in both] == ["ldpf", "ldpf-soft"]
    assert both[0]["accuracy"] == first[0]["accuracy"]
    assert right_answers(tmp_path, both[1]) is not None
    assert (tmp_path / "runs" / both[0]["run"] / "metrics.jsonl").read_text() == log
    assert caplog.messages == [
        f"The finished run {first[0]['run']} has no answers of ldpf-soft: it is trained again."
    ]
    assert run("ldpf", "ldpf-soft")[1] == [True]
    assert run("ldpf")[1] == [True]


def test_a_registered_rule_is_a_row_of_the_study(make_features, tiny_clip, tmp_path, soft) -> None:
    soft()
    bench = Bench(
        make_features(5), "drawn", tiny_clip, SHORT, ["art"], 1, tmp_path, tmp_path / "runs"
    )
    rows = ["similarity", "uniform", "nearest", "U_sel", "soft"]
    assert sorted(make_study("fusion").run(bench).variants) == sorted(rows)
