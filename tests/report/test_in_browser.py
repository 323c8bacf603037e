"""A report opened in a real browser, where one is installed: it draws, and asks for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ldpf.report.html import write_report


@pytest.fixture
def opened(
    browser, make_findings, pictures, tmp_path
) -> Iterator[tuple[Any, list[str], list[str]]]:
    """The page of a report, what its console said, and what it asked for."""
    file = tmp_path / "report.html"
    write_report(make_findings(root=pictures), file)
    page = browser.new_page(viewport={"width": 1000, "height": 800})
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri(), wait_until="load")
    yield page, said, asked
    page.close()


def test_the_console_stays_empty(opened):
    _, said, _ = opened
    assert said == []


def test_nothing_but_the_file_is_asked_for(opened):
    page, _, asked = opened
    assert [url for url in asked if not url.startswith("data:")] == [page.url]


def test_every_image_is_drawn(opened):
    page, _, _ = opened
    widths = page.eval_on_selector_all("img", "all => all.map(one => one.naturalWidth)")
    assert len(widths) > 20
    assert all(width > 0 for width in widths)


def test_a_class_name_that_is_a_script_does_not_run(opened):
    page, _, _ = opened
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.reload(wait_until="load")
    assert dialogs == []
    assert page.locator("script").count() == 0
    assert page.get_by_text("<script>alert(1)</script>").count() > 0


@pytest.mark.parametrize("width", [390, 1000])
def test_the_page_is_no_wider_than_the_window(opened, width):
    page, _, _ = opened
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_paper_shows_no_navigation(opened):
    page, _, _ = opened
    assert page.locator("nav").is_visible()
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
