"""`--benchmark`: which folders a command takes for a named data set."""

from __future__ import annotations

import shutil

import pytest

from ldpf.data.datasets import named_dataset

DOMAINS = {"art": "art_painting", "sketch": "cartoon", "photo": "photo"}


@pytest.fixture(scope="module")
def like_pacs(images, tmp_path_factory):
    """Folders that are taken for PACS: three of its domains, with all of its classes."""
    root = tmp_path_factory.mktemp("named") / "images"
    for ours, theirs in DOMAINS.items():
        folders = sorted((images / ours).iterdir())
        for k, name in enumerate(named_dataset("pacs").classes):
            shutil.copytree(folders[k % 3], root / theirs / name)
    return root


@pytest.mark.parametrize(
    "command",
    [
        ("features",),
        ("domains",),
        ("train", "--out", "OUT"),
        ("benchmark", "--out", "OUT"),
        ("study", "domains", "--out", "OUT"),
        ("evaluate", "MODEL"),
        ("report", "MODEL", "--out", "OUT.html"),
        ("export", "MODEL", "--to", "onnx", "--out", "OUT.onnx"),
    ],
    ids=lambda words: words[0],
)
def test_every_command_that_reads_labeled_images_can_insist_on_a_data_set(
    command, images, model, tmp_path, run
):
    known = {"MODEL": str(model)}
    words = [known.get(word, word.replace("OUT", str(tmp_path / "out"))) for word in command]
    result = run(*words, "--data", images, "--benchmark", "office-home")
    assert result.exit_code == 2, result.output
    assert "Error: " in result.stderr and "Office-Home" in result.stderr


def test_none_reads_the_folders_as_they_are(like_pacs, tiny_clip_folder, run):
    wanted = ("features", "--data", like_pacs, "--backbone", tiny_clip_folder)
    assert "recognized PACS" in run(*wanted).stderr
    assert "recognized" not in run(*wanted, "--benchmark", "none").stderr
