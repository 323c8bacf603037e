"""docs/extending.md, word for word: as an installed package, and as files in a copy's rooms."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import ldpf

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
FILES = dict(
    re.findall(r"^`(\S+)`:\n\n```(?:python|toml|json)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
)
CODE = {name: text for name, text in FILES.items() if name.endswith(".py")}
(SCRIPT,) = re.findall(r"^## From Python\n.*?^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
ROOMS = dict(re.findall(r"^\| `(\w+\.py)` \| `(src/ldpf/\S+)/` \|$", PAGE, re.MULTILINE))
PROJECT = tomllib.loads(FILES["pyproject.toml"])["project"]
POINTS = {
    (group, name): target
    for group, points in PROJECT["entry-points"].items()
    for name, target in points.items()
}
COMMANDS = [
    shlex.split(line)[1:]
    for block in re.findall(r"^```bash\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    for line in block.replace("\\\n", " ").splitlines()
]
KINDS = {
    "method": ("ldpf.methods.base", "METHODS", "blend"),
    "visual head": ("ldpf.heads.base", "VISUAL_HEADS", "nearest-mean"),
    "fusion rule": ("ldpf.fusion.base", "FUSION_RULES", "cautious"),
    "disentangler": ("ldpf.domains.disentangle.base", "DISENTANGLERS", "main-variation"),
    "clusterer": ("ldpf.domains.clustering.base", "CLUSTERERS", "ward"),
    "rule for the number": ("ldpf.domains.how_many.base", "HOW_MANY", "variance-ratio"),
    "assignment": ("ldpf.domains.assignment.base", "ASSIGNMENTS", "file-name"),
    "protocol": ("ldpf.experiments.protocols.base", "PROTOCOLS", "few-shot"),
    "selection rule": ("ldpf.experiments.selection.base", "SELECTION_RULES", "three-fold"),
    "named dataset": ("ldpf.data.datasets.base", "DATASETS", "our-sites"),
    "backbone family": ("ldpf.backbones.families.base", "FAMILIES", "averaged-clip"),
    "study": ("ldpf.studies.base", "STUDIES", "wording"),
    "command": ("ldpf.cli.base", "COMMANDS", "count"),
    "report section": ("ldpf.report.sections.base", "SECTIONS", "hardest"),
}
FILE_OF = {
    name: target.split(":")[0].split(".")[-1] + ".py" for (_, name), target in POINTS.items()
}

RUN_ALL = """
import json, sys
from dataclasses import replace
from typer.testing import CliRunner
from ldpf.cli import app
from ldpf.training.recipe import RECIPES, STEADY
RECIPES["steady"] = replace(STEADY, max_steps=4, evaluate_every=1, round_every=1)
results = []
for words in json.load(sys.stdin):
    done = CliRunner().invoke(app, words)
    results.append([done.exit_code, done.output + done.stderr + repr(done.exception)])
print(json.dumps(results))
"""
"""Every command in one process, since most of the time of each would be its imports, with a recipe
of a few steps."""

NAMES = """
import importlib, json, sys
(module, variable, name) = json.load(sys.stdin)
registry = getattr(importlib.import_module(module), variable)
print(json.dumps([registry.names(), registry.summary(name)]))
"""
LOOK = """
import importlib, json, sys
names = {}
for kind, (module, variable, name) in json.load(sys.stdin).items():
    registry = getattr(importlib.import_module(module), variable)
    names[kind] = [registry.names(), registry.summary(name), registry.get(name).__module__]
print(json.dumps(names))
"""


def python(code: str, given: Any, paths: list[Path], folder: Path) -> Any:
    """What a Python process prints last, as JSON; it reads `given` on stdin."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "LDPF_CACHE": str(folder / "cache"),
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "200",
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(given),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of the page, as a reader writes it."""
    root = tmp_path_factory.mktemp("project") / "ldpf-lab"
    for name, text in FILES.items():
        if name == "pyproject.toml" or name.startswith("ldpf_lab/"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
    (root / "ldpf_lab/__init__.py").touch()
    return root


@pytest.fixture(scope="module")
def installed(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for `sys.path` in which the package is installed, with its entry points."""
    site = tmp_path_factory.mktemp("site")
    shutil.copytree(project / "ldpf_lab", site / "ldpf_lab")
    info = site / f"ldpf_lab-{PROJECT['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {PROJECT['name']}\nVersion: {PROJECT['version']}\n"
    )
    lines = []
    for group, points in PROJECT["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {target}" for name, target in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines))
    return site


@pytest.fixture(scope="module")
def reader_folder(draw, tiny_clip_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with what the page's commands name."""
    folder = tmp_path_factory.mktemp("reader")
    for image in draw(folder / "photos", ("harbor", "market", "station")).rglob("*.png"):
        image.rename(image.with_name(f"cam{int(image.stem) % 2}-{image.name}"))
    for name in ("clip-a", "clip-b"):
        shutil.copytree(tiny_clip_folder, folder / name)
    (folder / "averaged").mkdir()
    (folder / "averaged/config.json").write_text(FILES["averaged/config.json"])
    return folder


@pytest.fixture(scope="module")
def outputs(installed: Path, reader_folder: Path, tiny_clip_folder: Path) -> dict[str, str]:
    """What each command of the page printed; all of them end well."""
    calls = [[*words, *shorter(words, tiny_clip_folder)] for words in COMMANDS]
    results = python(RUN_ALL, calls, [installed, source()], reader_folder)
    failed = [(words, out) for words, (code, out) in zip(calls, results, strict=True) if code != 0]
    assert not failed, "\n".join(f"{shlex.join(words)}\n{out}" for words, out in failed)
    return {shlex.join(words): out for words, (_, out) in zip(COMMANDS, results, strict=True)}


def shorter(words: list[str], backbone: Path) -> list[str]:
    """Options that make a command of the page a matter of seconds."""
    added = []
    if words[0] in ("train", "benchmark", "study") and "--backbone" not in words:
        added += ["--backbone", str(backbone)]
    if words[0] in ("benchmark", "study"):
        added += ["--seeds", "1", "--targets", "harbor", "--jobs", "1"]
    return added


def source() -> Path:
    """The folder in which the package `ldpf` lies."""
    return Path(ldpf.__file__).parents[1]


def results_of(folder: Path, name: str) -> list[dict[str, Any]]:
    """The result lines that a command of the page wrote."""
    text = (folder / name / "results.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


# --- the page itself ---------------------------------------------------------------------------


def test_the_page_has_one_file_of_each_kind() -> None:
    assert {name for _, _, name in KINDS.values()} == {name for _, name in POINTS}
    assert sorted(FILE_OF.values()) == sorted(Path(name).name for name in CODE)
    assert sorted(FILE_OF.values()) == sorted(ROOMS)


@pytest.mark.parametrize("name", CODE)
def test_each_file_has_less_than_60_lines(name: str) -> None:
    assert len(CODE[name].splitlines()) < 60


def test_its_code_is_in_the_style_of_the_house(project: Path) -> None:
    pytest.importorskip("ruff", reason="ruff is not installed")
    rules = 'lint.isort.known-first-party = ["ldpf"]'  # as in a folder of the package itself
    shutil.copy(ROOT / "pyproject.toml", project.parent)
    for arguments in (("check",), ("format", "--check")):
        done = subprocess.run(
            [
                *(sys.executable, "-m", "ruff", *arguments, "--no-cache", "--config"),
                *("pyproject.toml", "--config", rules, "ldpf-lab/ldpf_lab"),
            ],
            cwd=project.parent,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_entry_points_of_the_page_are_those_installed(installed: Path) -> None:
    (info,) = installed.glob("*.dist-info")
    points = Distribution.at(info).entry_points
    assert {(point.group, point.name): point.value for point in points} == POINTS


def test_the_page_builds_to_a_wheel_with_these_entry_points(project: Path, tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="hatchling is not installed")
    build = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    subprocess.run(
        [sys.executable, "-c", build, str(tmp_path)], cwd=project, check=True, capture_output=True
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    (info,) = (tmp_path / "site").glob("*.dist-info")
    points: list[EntryPoint] = list(Distribution.at(info).entry_points)
    assert {(point.group, point.name): point.value for point in points} == POINTS
    built = {f"ldpf_lab/{file.name}" for file in (tmp_path / "site/ldpf_lab").glob("*.py")}
    assert built == {*CODE, "ldpf_lab/__init__.py"}


# --- as a package outside ----------------------------------------------------------------------


def test_every_entry_is_known_by_its_name(installed: Path, tmp_path: Path) -> None:
    seen = python(LOOK, KINDS, [installed, source()], tmp_path)
    for kind, (_, _, name) in KINDS.items():
        names, summary, module = seen[kind]
        assert name in names and summary
        assert f"{module.replace('.', '/')}.py" in CODE


def test_each_setting_reaches_its_part(outputs: dict[str, str], reader_folder: Path) -> None:
    for folder, name in {
        "head": "nearest-mean",
        "fusion": "cautious",
        "disentangle": "main-variation",
        "clusterer": "ward",
        "number": "variance-ratio",
        "assignment": "file-name",
    }.items():
        (line,) = results_of(reader_folder, f"results/{folder}")
        assert f'"{name}"' in json.dumps(line["settings"]), folder


def test_a_method_trains_a_model(outputs: dict[str, str], reader_folder: Path) -> None:
    assert json.loads((reader_folder / "blended/config.json").read_text())["method"] == "blend"
    methods = [line["method"] for line in results_of(reader_folder, "results/blend")]
    assert methods == ["zero-shot", "gda", "blend"]


def test_a_fusion_rule_is_a_read_out(outputs: dict[str, str], reader_folder: Path) -> None:
    first, second = results_of(reader_folder, "results/rules")
    assert (first["method"], second["method"]) == ("ldpf", "ldpf-cautious")
    assert first["run"] == second["run"]


def test_the_number_of_domains_is_that_of_the_cameras(
    outputs: dict[str, str], reader_folder: Path
) -> None:
    (line,) = results_of(reader_folder, "results/assignment")
    log = (reader_folder / "results/assignment/runs" / line["run"] / "metrics.jsonl").read_text()
    assert '"sizes": [14, 14]' in log  # of 28 training images by two cameras


def test_a_protocol_and_a_selection_rule_are_named_in_results(
    outputs: dict[str, str], reader_folder: Path
) -> None:
    (line,) = results_of(reader_folder, "results/protocol")
    assert line["protocol"] == "few-shot"
    (line,) = results_of(reader_folder, "results/selection")
    assert line["selection"] == "three-fold"


def test_a_named_dataset_is_recognized(outputs: dict[str, str], reader_folder: Path) -> None:
    assert "harbor" in outputs["datasets info our-sites"]
    (line,) = results_of(reader_folder, "results/sites")
    assert line["class_names"] == ["cat", "dog", "small house"]


def test_a_backbone_of_two_equal_models_answers_as_each(
    outputs: dict[str, str], reader_folder: Path
) -> None:
    (averaged,) = results_of(reader_folder, "results/averaged")
    (single,) = results_of(reader_folder, "results/sites")
    assert averaged["accuracy"] == single["accuracy"]


def test_a_study_is_a_table(outputs: dict[str, str], reader_folder: Path) -> None:
    out = outputs["study wording photos"]
    assert "one sentence" in out and "80 sentences" in out
    assert (reader_folder / "studies/wording/table.md").is_file()


def test_a_command_counts(outputs: dict[str, str]) -> None:
    out = outputs["count photos"]
    assert "cat: 18" in out and "  harbor: 6" in out


def test_a_section_is_in_the_report(outputs: dict[str, str], reader_folder: Path) -> None:
    assert "Hardest classes" in (reader_folder / "report.html").read_text(encoding="utf-8")


def test_its_python_runs(installed: Path, reader_folder: Path, tiny_clip_folder: Path) -> None:
    backbone = f", backbone={str(tiny_clip_folder)!r}"
    code, trained = re.subn(r"(ldpf\.train\(.*)\)$", rf"\1{backbone})", SCRIPT, flags=re.MULTILINE)
    assert trained == 2
    first = RUN_ALL.split("results = []")[0]
    end = (
        "from ldpf import load_model, load_backbone\n"
        "print(json.dumps([blended.classifier.method, trained.classifier.method, "
        "trained.classifier.config()['fusion'], model.fusion]))\n"
    )
    seen = python(first + code + end, None, [installed, source()], reader_folder)
    assert seen == ["blend", "ldpf", "cautious", "cautious"]


def test_without_the_package_a_wrong_name_is_a_sentence(tmp_path: Path) -> None:
    from ldpf.cli import app

    done = CliRunner().invoke(app, ["train", "demo", "--method", "blend", "--out", str(tmp_path)])
    assert done.exit_code == 2
    assert "There is no method 'blend'" in done.stderr


# --- inside the repository ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_inside_the_repository_it_is_one_file(
    kind: str, checkout: Path, tmp_path: Path, record_property: Any
) -> None:
    before = snapshot(checkout)
    name = KINDS[kind][2]
    file = FILE_OF[name]
    shutil.copy(Path(checkout, "page", file), checkout / ROOMS[file] / file)
    try:
        names, summary = python(NAMES, KINDS[kind], [checkout / "src"], tmp_path)
        touched = sorted(set(snapshot(checkout).items()) ^ set(before.items()))
    finally:
        (checkout / ROOMS[file] / file).unlink()
    record_property("files touched", len(touched))
    assert name in names and summary
    assert len(touched) == 1
    assert [path for path, _ in touched] == [f"{ROOMS[file]}/{file}"]


def test_inside_the_repository_each_file_works(checkout: Path, tmp_path: Path) -> None:
    shutil.copytree(checkout / "src", tmp_path / "src")
    for file, room in ROOMS.items():
        shutil.copy(checkout / "page" / file, tmp_path / room / file)
    seen = python(LOOK, KINDS, [tmp_path / "src"], tmp_path)
    rooms = {f"src/{module.replace('.', '/')}.py" for _, _, module in seen.values()}
    assert rooms == {f"{room}/{file}" for file, room in ROOMS.items()}


def snapshot(root: Path) -> dict[str, bytes]:
    """Every Python file below `root` with what is in it."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*.py"))
    }


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package, and the page's files beside it."""
    root = tmp_path_factory.mktemp("checkout")
    shutil.copytree(
        Path(ldpf.__file__).parent, root / "src/ldpf", ignore=shutil.ignore_patterns("__pycache__")
    )
    (root / "page").mkdir()
    for name, text in CODE.items():
        (root / "page" / Path(name).name).write_text(text, encoding="utf-8")
    return root
