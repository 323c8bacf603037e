"""What holds for every workflow."""

from __future__ import annotations

import ast
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

from ldpf import workflows

FUNCTIONS = [name for name in workflows.__all__ if inspect.isfunction(getattr(workflows, name))]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_is_typed_and_documented(name):
    function = getattr(workflows, name)
    signature = inspect.signature(function)
    assert signature.return_annotation is not inspect.Signature.empty
    for parameter in signature.parameters.values():
        assert parameter.annotation is not inspect.Parameter.empty
        if len(signature.parameters) > 1:
            assert f"{parameter.name}" in (function.__doc__ or ""), parameter.name


def test_no_file_hides_a_function_of_its_name():
    files = {file.stem for file in Path(workflows.__file__).parent.glob("*.py")}
    assert not files & set(workflows.__all__)


def test_nothing_in_the_room_prints():
    for file in Path(workflows.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                assert ast.unparse(node.func) not in ("print", "typer.echo"), file.name


@pytest.mark.slow
def test_a_whole_round_prints_nothing(images, tiny_clip_folder, session_settings, tmp_path, capfd):
    training = workflows.train(
        images, tmp_path / "m", backbone=tiny_clip_folder, method="linear-probe"
    )
    workflows.evaluate(training.model, images, backbone=training.backbone)
    workflows.describe_model(training.model, backbone=training.backbone)
    list(workflows.predict(training.model, images, backbone=training.backbone))
    assert capfd.readouterr() == ("", "")


def test_listing_them_imports_nothing_heavy():
    code = (
        "import sys, json\nfrom ldpf import workflows\n"
        "names = dir(workflows)\nprint(json.dumps([names, sorted(sys.modules)]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names, modules = json.loads(done.stdout)
    assert set(workflows.__all__) <= set(names)
    assert not {"torch", "numpy", "transformers"} & set(modules)
