"""Every `ldpf` command and Python block in README and docs runs, on small data."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
REAL_BACKBONES = (
    "openai/clip-vit-base-patch16",
    "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
    "google/siglip2-base-patch16-224",
    "path/to/lab-clip",
)


def blocks(document: Path, language: str) -> list[str]:
    text = document.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def ldpf_commands(document: Path) -> list[list[str]]:
    """Words of each line that calls ldpf, comments and redirections cut off."""
    found = []
    for block in blocks(document, "bash"):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("ldpf "):
                words = shlex.split(line, comments=True)[1:]
                found.append(words[: words.index(">")] if ">" in words else words)
    return found


@pytest.fixture
def reader_folder(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with what the documents' commands name."""
    for name in ("photos", "labelled-new-photos", "PACS"):
        shutil.copytree(images, tmp_path / name)
    for ours, theirs in {"art": "art_painting", "sketch": "cartoon", "photo": "photo"}.items():
        shutil.copytree(images / ours, tmp_path / "pacs" / theirs)
    shutil.copytree(images / "photo", tmp_path / "new-photos")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_run_in_the_order_in_which_they_are_written(
    document: Path,
    reader_folder: Path,
    run: Callable[..., Result],
    tiny_clip_folder: Path,
) -> None:
    for words in ldpf_commands(document):
        words = [str(tiny_clip_folder) if word in REAL_BACKBONES else word for word in words]
        if "--seeds" in words:  # the protocol itself is tested elsewhere; one seed shows the call
            words[words.index("--seeds") + 1] = "1"
        result = run(*words)
        assert result.exit_code == 0, f"{words}\n{result.output}\n{result.stderr}"


def test_python_of_the_readme_runs(
    reader_folder: Path, tiny_clip_folder: Path, session_settings: pytest.MonkeyPatch
) -> None:
    code = "\n".join(blocks(ROOT / "README.md", "python"))
    code = code.replace(REAL_BACKBONES[0], str(tiny_clip_folder))
    photos = sorted((reader_folder / "photos").glob("*/*/*.png"))
    names = {"paths": photos, "labels": [p.parent.name for p in photos], "new_paths": photos[:4]}
    exec(compile(code, "README.md", "exec"), names)
    assert (reader_folder / "my-model" / "config.json").exists()


def test_make_targets_named_in_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = re.findall(r"^make (\w+)", "\n".join(blocks(ROOT / "README.md", "bash")), re.MULTILINE)
    assert {"demo", "test"} <= set(named)
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in named)


def test_the_readme_shows_commands() -> None:
    assert len(ldpf_commands(ROOT / "README.md")) >= 6
