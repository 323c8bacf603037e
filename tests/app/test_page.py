"""The page in a real browser; skipped, with the reason, where there is none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image

from ldpf.app.edits import ClassEdits, Keeper
from ldpf.app.gallery import Gallery
from ldpf.app.render import SHOWN
from ldpf.app.session import Session
from ldpf.methods import GDA, LDPF
from ldpf.training.recipe import FAST

pytest.importorskip("gradio", reason="gradio is not installed (pip install 'ldpf[app]')")
WAIT_MS = 20_000


@pytest.fixture(scope="module")
def address(make_features, tiny_clip) -> Iterator[str]:
    """A page over a tiny model that takes every image for one from outside."""
    from ldpf.app.page import build_page
    from ldpf.app.serving import serve

    method = LDPF(recipe=replace(FAST, max_steps=2, cooldown=0))
    fitted = method.fit(make_features(6), make_features(4, seed=1), tiny_clip)
    strict = SimpleNamespace(
        temperature=1.0, outside=lambda x: (torch.ones(len(x)), torch.ones(len(x)).bool())
    )
    sample = Image.new("RGB", (24, 24), (200, 30, 30))
    gallery = Gallery(tuple((sample,) for _ in range(3)), ((sample, "red.png"),))
    page = build_page(Session(fitted.with_expectation(strict), tiny_clip), gallery, "tiny model")
    yield serve(page)
    page.close()


@pytest.fixture
def visit(browser, address) -> Iterator[Any]:
    """The open page; whatever it asks for elsewhere or complains of fails the test."""
    tab = browser.new_page()
    tab.set_default_timeout(WAIT_MS)
    foreign, complaints = [], []
    tab.on("request", lambda r: None if _local(r.url, address) else foreign.append(r.url))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    tab.goto(address)
    tab.wait_for_selector("#ldpf-upload input[type=file]", state="attached")
    yield tab
    tab.close()
    assert foreign == []
    assert complaints == []


def _local(url: str, address: str) -> bool:
    return url.startswith((address.rstrip("/"), "data:", "blob:"))


def upload(tab: Any, *files: Path) -> None:
    tab.set_input_files("#ldpf-upload input[type=file]", [str(file) for file in files])


def test_the_page_serves_this_machine_only(address):
    assert address.startswith("http://127.0.0.1:")
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"


def test_an_uploaded_image_gets_classes_weights_and_the_warning(visit, write_image, tmp_path):
    upload(visit, write_image(tmp_path / "new.png"))
    visit.wait_for_selector("#ldpf-trained meter")
    for ranking, title in (("#ldpf-trained", "Trained model"), ("#ldpf-zero-shot", "Zero-shot")):
        assert visit.locator(f"{ranking} meter").count() == min(SHOWN, 3)
        assert title in visit.inner_text(ranking)
    text = visit.inner_text("#ldpf-about .ldpf-warning")
    assert "This image lies outside of what the model knows" in text
    assert visit.locator("#ldpf-domains meter").count() == 3
    assert visit.locator("#ldpf-domains img").count() == 3


def test_a_class_is_added_by_typing(visit, write_image, tmp_path):
    upload(visit, write_image(tmp_path / "new.png"))
    visit.wait_for_selector("#ldpf-trained meter")
    visit.get_by_text("Classes", exact=True).click()
    visit.fill("#ldpf-name input, #ldpf-name textarea", "<b>guitar</b>")
    visit.get_by_role("button", name="Add name").click()
    visit.wait_for_selector("#ldpf-trained >> text=<b>guitar</b>")
    visit.fill("#ldpf-name input, #ldpf-name textarea", "CAT")
    visit.get_by_role("button", name="Add name").click()
    visit.wait_for_selector("#ldpf-said >> text=There is a class 'cat' already.")
    assert visit.locator("#ldpf-trained >> text=guitar").count() == 1
    assert visit.locator("#ldpf-trained meter").count() == min(SHOWN, 4)


def test_changed_classes_are_kept_by_a_button(
    browser, write_image, tmp_path, make_features, tiny_clip
):
    from ldpf.app.page import build_page
    from ldpf.app.serving import serve

    kept = []

    def write(edits: ClassEdits) -> str:
        kept.append(edits)
        return "Kept in 'folder'."

    method = LDPF(recipe=replace(FAST, max_steps=2, cooldown=0))
    fitted = method.fit(make_features(6), make_features(4, seed=1), tiny_clip)
    keeper = Keeper(lambda edits: f"added: {', '.join(edits.add)}", write)
    page = build_page(Session(fitted, tiny_clip), None, "tiny model", keeper)
    address = serve(page)
    try:
        tab = browser.new_page()
        tab.set_default_timeout(WAIT_MS)
        tab.goto(address)
        tab.get_by_text("Classes", exact=True).click()
        tab.fill("#ldpf-name input, #ldpf-name textarea", "red_fox")
        assert not tab.get_by_role("button", name="Keep as a model").is_visible()
        tab.get_by_role("button", name="Add name").click()
        tab.wait_for_selector("#ldpf-how >> text=added: red fox")
        tab.get_by_role("button", name="Keep as a model").click()
        tab.wait_for_selector("#ldpf-said >> text=Kept in 'folder'.")
        tab.close()
    finally:
        page.close()
    assert kept == [ClassEdits(add=("red fox",))]


def test_a_broken_file_gets_a_sentence(visit, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG and nothing else")
    upload(visit, broken)
    visit.wait_for_selector("#ldpf-failure .ldpf-error")
    text = visit.inner_text("#ldpf-failure")
    assert text.startswith("broken.png cannot be read as an image:")
    assert "Traceback" not in visit.content() and str(tmp_path) not in text
    assert visit.locator("#ldpf-trained meter").count() == 0
    assert visit.inner_text("#ldpf-about") == ""


def test_a_sample_is_answered_when_clicked(visit):
    assert visit.locator("#ldpf-trained meter").count() == 0
    visit.locator("#ldpf-samples button:has(img)").first.click()
    visit.wait_for_selector("#ldpf-trained meter")
    assert visit.locator("#ldpf-trained meter").count() == min(SHOWN, 3)


def test_of_several_files_all_can_be_seen_and_the_broken_one_is_named(visit, write_image, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    upload(visit, write_image(tmp_path / "a.png"), broken, write_image(tmp_path / "b.png"))
    visit.wait_for_selector("#ldpf-trained meter")
    assert visit.inner_text("#ldpf-failure").startswith("broken.png cannot be read as an image:")
    buttons = visit.locator("#ldpf-many button:has(img)")
    buttons.nth(1).wait_for()
    assert buttons.count() == 2
    buttons.nth(1).click()
    visit.wait_for_selector("#ldpf-trained meter")


def test_a_drop_of_too_many_files_is_cut_with_a_sentence(visit, write_image, tmp_path, monkeypatch):
    monkeypatch.setattr("ldpf.app.events.MAX_FILES", 2)
    upload(visit, *(write_image(tmp_path / f"{i}.png") for i in range(3)))
    visit.wait_for_selector("#ldpf-failure .ldpf-error")
    assert visit.inner_text("#ldpf-failure") == (
        "These are 3 files; the first 2 are shown. 'ldpf predict' classifies whole folders."
    )


def test_a_file_that_is_too_large_gets_a_sentence(browser, address, tmp_path):
    large = tmp_path / "large.png"
    large.write_bytes(bytes(21_000_000))
    tab = browser.new_page()  # the browser's console tells of the refusal, so `visit` will not do
    tab.set_default_timeout(WAIT_MS)
    tab.goto(address)
    tab.wait_for_selector("#ldpf-upload input[type=file]", state="attached")
    upload(tab, large)
    tab.wait_for_selector("text=/exceeds|too large|maximum/i")
    assert tab.locator("#ldpf-trained meter").count() == 0
    tab.close()


@pytest.mark.parametrize("kind", ["transparent.png", "cmyk.jpg", "moving.gif"])
def test_unusual_images_get_an_answer(kind, visit, tmp_path):
    path = tmp_path / kind
    frame = Image.new("RGB", (24, 24), (30, 120, 60))
    if kind == "moving.gif":
        frame.save(path, save_all=True, append_images=[Image.new("RGB", (24, 24))])
    else:
        frame.convert("RGBA" if kind.endswith("png") else "CMYK").save(path)
    upload(visit, path)
    visit.wait_for_selector("#ldpf-trained meter")
    assert visit.inner_text("#ldpf-failure") == ""


@pytest.mark.parametrize("name", ["photo.heic", "text.jpg"])
def test_what_is_no_image_gets_a_sentence(name, visit, tmp_path):
    path = tmp_path / name
    path.write_bytes(b"\0\0\0\x18ftypheic" + bytes(40) if name.endswith("heic") else b"hello")
    upload(visit, path)
    visit.wait_for_selector("#ldpf-failure .ldpf-error")
    assert visit.inner_text("#ldpf-failure").startswith(f"{name} cannot be read as an image:")


@pytest.mark.slow
def test_a_model_that_knows_no_names_is_served_without_renaming(
    browser, make_features, tiny_clip, write_image, tmp_path
):
    from ldpf.app.page import build_page
    from ldpf.app.serving import serve

    fitted = GDA().fit(make_features(6), make_features(4, seed=1), tiny_clip)
    page = build_page(Session(fitted, tiny_clip), None, "means")
    tab = browser.new_page()
    tab.set_default_timeout(WAIT_MS)
    try:
        tab.goto(serve(page))
        tab.wait_for_selector("#ldpf-upload input[type=file]", state="attached")
        assert "'gda'" in tab.inner_text("#ldpf-fixed-names")
        assert tab.locator("#ldpf-name").count() == 0
        upload(tab, write_image(tmp_path / "new.png"))
        tab.wait_for_selector("#ldpf-trained meter")
        assert tab.locator("#ldpf-trained meter").count() == min(SHOWN, 3)
        assert "no latent domains" in tab.inner_text("#ldpf-note")
    finally:
        tab.close()
        page.close()


def test_the_page_says_what_it_is(visit):
    text = visit.inner_text("#ldpf-what")
    assert text.startswith("This page says what an image shows:") and "3 classes" in text
    assert visit.locator("#ldpf-drawings").count() == 0


def test_several_images_get_a_table_of_all_answers(visit, write_image, tmp_path):
    files = [write_image(tmp_path / f"{name}.png", seed=i) for i, name in enumerate("abc")]
    upload(visit, *files)
    visit.wait_for_selector("#ldpf-overview >> text=c.png")
    text = visit.inner_text("#ldpf-overview")
    for words in ("a.png", "b.png", "probability", "zero-shot says", "%"):
        assert words in text


def test_the_fields_say_which_button_needs_them(visit):
    visit.get_by_text("Classes", exact=True).click()
    text = visit.inner_text("#ldpf-fields")
    assert "To add a class, type its Name." in text and "To remove one, choose the Class." in text


def test_the_answer_is_above_the_fold_of_a_phone(browser, address, write_image, tmp_path):
    tab = browser.new_page(viewport={"width": 390, "height": 844})
    tab.set_default_timeout(WAIT_MS)
    tab.goto(address)
    tab.wait_for_selector("#ldpf-upload input[type=file]", state="attached")
    upload(tab, write_image(tmp_path / "new.png"))
    tab.wait_for_selector("#ldpf-trained meter")
    box = tab.locator("#ldpf-trained h2, #ldpf-trained meter").first.bounding_box()
    tab.close()
    assert box is not None and box["y"] + box["height"] < 844
    assert box["x"] + box["width"] <= 390
