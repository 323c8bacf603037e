"""Every shell block in README and docs runs on small data or says why not; Python blocks run."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import Result

from ldpf import LDPFClassifier
from ldpf.backbones.default import DEFAULT_BACKBONE
from ldpf.backbones.hub import resolve_folder
from ldpf.demo import dataset as demo
from ldpf.training.recipe import RECIPES

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
OWN_TEST = {"docs/extending.md"}
"""Documents that a test of their own follows word for word (tests/test_extending_page.py)."""
REAL_BACKBONES = (
    "openai/clip-vit-base-patch16",
    "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
    "google/siglip2-base-patch16-224",
    "path/to/lab-clip",
)
DEMO_EACH = 6
"""Images of each class and domain in the documents' demo set."""
SHORT = {
    "fast": {"max_steps": 6, "patience": 4, "cooldown": 2},
    "steady": {"max_steps": 6, "evaluate_every": 3},
}
COMPARE = ("benchmark", "study")
KEPT = {"--targets", "embeddings.npy"}
"""Words of a command that keeps its targets: it names them, or its data have other domains."""
COMMAND = re.compile(r"(ldpf|make|pip|python3?|pytest|git) ")


def document_id(document: Path) -> str:
    return document.relative_to(ROOT).as_posix()


def blocks(document: Path, language: str) -> list[str]:
    text = document.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def shell_blocks(text: str) -> list[tuple[str, list[str]]]:
    """Why a block is not run (empty if it is), and its lines without comments.

    The reason stands in a comment directly before the block, which a reader of the page does not
    see.
    """
    pattern = r"^(?:<!-- Not run by the tests: ([^\n]+) -->\n)?```(?:bash|sh|console)\n(.*?)^```"
    found = re.findall(pattern, text, flags=re.MULTILINE | re.DOTALL)
    return [(why, command_lines(body)) for why, body in found]


def command_lines(body: str) -> list[str]:
    """Lines of a block, continued ones joined, without empty ones and comments."""
    lines = body.replace("\\\n", " ").splitlines()
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]


def runnable(line: str) -> bool:
    """Whether the tests below run a line: one `ldpf` command, perhaps with its output in a file."""
    return line.startswith("ldpf ") and "|" not in shlex.split(line, comments=True)


def ldpf_commands(document: Path) -> list[list[str]]:
    """Words of each line that calls ldpf, comments and redirections cut off."""
    found = []
    for why, lines in shell_blocks(document.read_text(encoding="utf-8")):
        for line in lines if not why else ():
            words = shlex.split(line, comments=True)[1:]
            found.append(words[: words.index(">")] if ">" in words else words)
    return found


@pytest.mark.parametrize(
    "document", [one for one in DOCUMENTS if document_id(one) not in OWN_TEST], ids=document_id
)
def test_every_shell_block_is_run_or_says_why_not(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for why, lines in shell_blocks(text):
        assert why or all(map(runnable, lines)), (
            f"{lines}: no test runs this; put '<!-- Not run by the tests: REASON -->' before it"
        )
    for other in re.findall(r"^```(?:text)?\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
        assert not COMMAND.match(other), f"a shell block that does not say so: {other}"


@pytest.mark.parametrize(
    ("page", "why", "runs"),
    [
        ("```bash\nldpf info m  # a\n# b\n```\n", "", True),
        ("```bash\nmake test\n```\n", "", False),
        ("```bash\nfind . | ldpf predict m -\n```\n", "", False),
        ("<!-- Not run by the tests: slow -->\n```bash\nmake test\n```\n", "slow", False),
    ],
)
def test_a_block_without_a_test_is_noticed(page: str, why: str, runs: bool) -> None:
    ((found, lines),) = shell_blocks(page)
    assert (found, all(map(runnable, lines))) == (why, runs)


@pytest.fixture(scope="session")
def documents_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache for all documents, apart from that of other tests: its demo set is small."""
    return tmp_path_factory.mktemp("documents-cache")


@pytest.fixture
def reader_folder(
    images: Path,
    model: Path,
    tiny_clip_folder: Path,
    documents_cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """A working folder with what the documents' commands name.

    The backbone of commands that name none, which a reader would download, is a small one; the
    demo set has few images, and training takes few steps.
    """
    monkeypatch.setenv("LDPF_CACHE", str(documents_cache))
    monkeypatch.setattr(demo, "IMAGES_PER_CLASS", dict.fromkeys(demo.DEMO_DOMAINS, DEMO_EACH))
    for name, steps in SHORT.items():
        monkeypatch.setitem(RECIPES, name, replace(RECIPES[name], **steps))
    monkeypatch.setattr(
        "ldpf.backbones.load.resolve_folder",
        lambda name: tiny_clip_folder if name == DEFAULT_BACKBONE else resolve_folder(name),
    )
    for name in ("photos", "labeled-new-photos", "PACS"):
        shutil.copytree(images, tmp_path / name)
    for ours, theirs in {"art": "art_painting", "sketch": "cartoon", "photo": "photo"}.items():
        shutil.copytree(images / ours, tmp_path / "pacs" / theirs)
    shutil.copytree(images / "photo", tmp_path / "new-photos")
    new = sorted((tmp_path / "new-photos").glob("*/*.png"))
    (tmp_path / "photos.csv").write_text("path\n" + "".join(f"{file}\n" for file in new))
    shutil.copytree(model, tmp_path / "my-model")
    embeddings = np.random.default_rng(0).normal(size=(36, 16))
    np.save(tmp_path / "embeddings.npy", embeddings)
    rows = [f"{label},{site}" for label in ("cat", "dog") for site in ("a", "b")] * 9
    weights = {"logit_scale": torch.ones(()), "visual.proj": torch.ones(2, 2)}
    for name in ("open_clip_pytorch_model.bin", "ViT-B-16.pt"):
        torch.save(weights, tmp_path / name)
    (tmp_path / "embeddings.csv").write_text("\n".join(["label,domain", *rows]))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def app_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> bool:
    """The page is served, but nobody is waited for; False where gradio is not installed."""
    if importlib.util.find_spec("gradio") is None:
        return False
    monkeypatch.setattr("ldpf.workflows.serving.Served.wait", lambda served: served.close())
    return True


@pytest.mark.slow
@pytest.mark.parametrize(
    "document",
    [one for one in DOCUMENTS if document_id(one) not in OWN_TEST and ldpf_commands(one)],
    ids=document_id,
)
def test_commands_run_in_the_order_in_which_they_are_written(
    document: Path,
    reader_folder: Path,
    run: Callable[..., Result],
    tiny_clip_folder: Path,
    app_ends_at_once: bool,
) -> None:
    ready_made = reader_folder / "my-model"
    for words in ldpf_commands(document):
        if words[0] == "train" and ready_made is not None and "my-model" in words:
            shutil.rmtree(ready_made)  # the page makes it, and no model is written over
            ready_made = None
        if words[0] != "app" or app_ends_at_once:
            run_documented(run, words, tiny_clip_folder)


def run_documented(run: Callable[..., Result], words: list[str], backbone: Path) -> None:
    words = [str(backbone) if word in REAL_BACKBONES else word for word in words]
    # The protocol itself is tested elsewhere: one seed and one target show the call.
    if "--seeds" in words:
        words[words.index("--seeds") + 1] = "1"
    if words[0] in COMPARE and not KEPT & set(words):
        words += ["--targets", "photo"]
    result = run(*words)
    # 1 is an answer of diagnose and no failure: images drawn for tests are nearly the same.
    verdict = words[0] == "diagnose" and '"serious": true' in run(*words, "--json").stdout
    expected = 1 if verdict else 0
    assert result.exit_code == expected, f"{words}\n{result.output}\n{result.stderr}"


WITH_PYTHON = [
    one for one in DOCUMENTS if document_id(one) not in OWN_TEST and blocks(one, "python")
]


@pytest.fixture
def reader_names(reader_folder: Path) -> dict[str, Any]:
    """What the documents' Python calls by name without making it."""
    photos = sorted((reader_folder / "photos").glob("*/*/*.png"))
    pixels = np.stack([np.asarray(Image.open(photo)) for photo in photos[:12]])
    items = [(torch.from_numpy(one).permute(2, 0, 1), i % 2) for i, one in enumerate(pixels)]
    return {
        "paths": photos,
        "labels": [photo.parent.name for photo in photos],
        "new_paths": photos[:4],
        "pixels": pixels,
        "loader": torch.utils.data.DataLoader(items, batch_size=4),
    }


@pytest.fixture
def local_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is pushed to the hub goes into a folder and is fetched from there."""

    def upload_folder(self: Any, *, repo_id: str, folder_path: Path, **_: Any) -> str:
        return str(shutil.copytree(folder_path, tmp_path / "hub" / repo_id))

    monkeypatch.setattr(
        "huggingface_hub.HfApi.create_repo",
        lambda self, repo_id, **_: SimpleNamespace(repo_id=repo_id),
    )
    monkeypatch.setattr("huggingface_hub.HfApi.upload_folder", upload_folder)
    monkeypatch.setattr(
        "huggingface_hub.snapshot_download", lambda name, **_: str(tmp_path / "hub" / name)
    )


@pytest.mark.slow
@pytest.mark.parametrize("document", WITH_PYTHON, ids=document_id)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_python_runs_in_the_order_in_which_it_is_written(
    document: Path,
    reader_folder: Path,
    reader_names: dict[str, Any],
    local_hub: None,
    tiny_clip_folder: Path,
    run: Callable[..., Result],
) -> None:
    code = "\n".join(blocks(document, "python")).replace(REAL_BACKBONES[0], str(tiny_clip_folder))
    if re.search(
        r'save\("my-model"\)|train\(.*"my-model"', code
    ):  # the page makes it, and no model is written over
        shutil.rmtree(reader_folder / "my-model")
    if "from_huggingface" in code:
        datasets = pytest.importorskip("datasets", reason="needs datasets, which is no dependency")
        pictures = [Image.fromarray(one) for one in reader_names["pixels"]]
        reader_names["dataset"] = datasets.Dataset.from_dict(
            {"image": pictures, "label": ["cat", "dog"] * 6}
        )
    if "right_answers" in code:  # of runs that the page's commands made
        for words in ldpf_commands(document):
            if words[0] == "benchmark" and f'"{words[words.index("--out") + 1]}"' in code:
                run_documented(run, words, tiny_clip_folder)
    exec(compile(code, document.name, "exec"), reader_names)
    if "LDPFClassifier" in code:
        assert isinstance(reader_names["model"], LDPFClassifier)
        assert len(reader_names["model"].predict(reader_names["new_paths"])) == 4


def test_the_readme_shows_python_that_saves_a_model() -> None:
    assert 'model.save("my-model")' in "".join(blocks(ROOT / "README.md", "python"))


def test_make_targets_named_in_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = re.findall(r"^make (\w+)", "\n".join(blocks(ROOT / "README.md", "bash")), re.MULTILINE)
    assert {"demo", "test"} <= set(named)
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in named)


def test_the_readme_shows_commands() -> None:
    assert len(ldpf_commands(ROOT / "README.md")) >= 6
