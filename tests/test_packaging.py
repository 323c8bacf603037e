"""What a wheel holds, asked of the build configuration without building one."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
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
