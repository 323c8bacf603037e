"""What a wheel holds, asked of the build configuration without building one."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
import yaml
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

import ldpf

ROOT = Path(__file__).parents[1]

DATA_FILES = {
    "ldpf/demo/nano/README.md",
    "ldpf/demo/nano/config.json",
    "ldpf/demo/nano/model.safetensors",
    "ldpf/demo/nano/preprocessor_config.json",
    "ldpf/demo/nano/tokenizer.json",
    "ldpf/demo/nano/tokenizer_config.json",
    "ldpf/models/card_template.md",
    "ldpf/py.typed",
    "ldpf/report/templates/report.html.j2",
}
"""Every file of the package that is no Python; what is read at run time must be among them."""


@pytest.fixture(scope="module")
def builder() -> WheelBuilder:
    return WheelBuilder(str(ROOT))


def test_a_wheel_holds_all_files_that_are_no_python(builder: WheelBuilder) -> None:
    files = {PurePosixPath(file.distribution_path) for file in builder.recurse_included_files()}
    assert {str(file) for file in files if file.suffix != ".py"} == DATA_FILES


def test_a_wheel_holds_every_module(builder: WheelBuilder) -> None:
    files = {file.distribution_path for file in builder.recurse_included_files()}
    modules = (ROOT / "src").rglob("*.py")
    assert {module.relative_to(ROOT / "src").as_posix() for module in modules} == {
        file for file in files if file.endswith(".py")
    }


def test_a_wheel_has_the_version_of_the_package(builder: WheelBuilder) -> None:
    assert builder.metadata.version == ldpf.__version__


IN_SDIST = {
    "CHANGELOG.md",
    "CITATION.cff",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "SECURITY.md",
    "benchmarks",
    "constraints.txt",
    "docs",
    "examples",
    "mkdocs.yml",
    "scripts",
    "src",
    "tests",
}
"""What lies at the top of a source distribution, beside the pyproject.toml of every build."""


def test_a_source_distribution_holds_all_that_builds_and_tests_need() -> None:
    builder = SdistBuilder(str(ROOT))
    files = {PurePosixPath(file.distribution_path) for file in builder.recurse_included_files()}
    assert {file.parts[0] for file in files} - {".gitignore"} == IN_SDIST
    inside = {file.as_posix() for file in files}
    for folder in ("src", "tests", "docs"):
        expected = {
            path.relative_to(ROOT).as_posix()
            for path in (ROOT / folder).rglob("*")
            if path.suffix in (".py", ".md") and "__pycache__" not in path.parts
        }
        assert expected <= inside


def test_the_citation_has_the_version_of_the_package() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == ldpf.__version__
