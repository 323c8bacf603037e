from __future__ import annotations

import base64
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from ldpf.errors import SettingsError
from ldpf.report.blocks import Text
from ldpf.report.html import headline, report_html, summary, write_report
from ldpf.report.sections import SECTIONS
from ldpf.report.tables.benchmark_rows import Cell

VOID = {"meta", "link", "img", "br"}
ANCHORS = [
    *("training", "accuracy", "expectation", "confusion", "domains", "map", "weights"),
    *("mistakes", "calibration", "risk", "oracle", "diagnosis", "signs", "reproduce"),
]


class Page(HTMLParser):
    """Checks that elements close in order, and collects what tests ask for."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def page(make_findings, pictures):
    return Page(report_html(make_findings(root=pictures)))


def test_every_section_is_there_and_named_in_the_navigation(page):
    assert [one["id"] for one in page.all("section")] == ANCHORS
    assert sorted(SECTIONS) == sorted(ANCHORS)
    assert [one["href"] for one in page.all("a")] == [f"#{anchor}" for anchor in ANCHORS]


@pytest.mark.slow
def test_nothing_comes_from_outside_and_there_is_no_script(make_findings, pictures):
    text = report_html(make_findings(root=pictures))
    page = Page(text)
    assert not page.all("script")
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    for tag, attributes in page.tags:
        for name in ("src", "srcset", "href", "data", "action"):
            if (value := attributes.get(name)) is not None:
                assert value.startswith(("data:", "#")), (tag, value)
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
    assert "url(" not in style
    assert "@import" not in style


def test_the_page_forbids_the_browser_to_load_anything(page):
    [policy] = [one for one in page.all("meta") if "http-equiv" in one]
    assert policy["http-equiv"] == "Content-Security-Policy"
    assert policy["content"].startswith("default-src 'none'; img-src data:;")


@pytest.mark.slow
def test_names_are_text_and_never_markup(make_findings, pictures):
    text = report_html(make_findings(root=pictures))
    assert "<script" not in text
    assert "<i>shapes" not in text
    assert "<b>bold" not in text
    page = Page(text)
    for name in ("<script>alert(1)</script>", "Häuser & Höfe", "猫", "<i>shapes</i>", 'sk"etch'):
        assert name in page.text


def test_every_picture_has_words_and_every_table_a_caption_or_headings(page):
    assert len(page.all("img")) > 20
    assert all(one["alt"].strip() for one in page.all("img"))
    tables, captions = len(page.all("table")), len(page.all("caption"))
    in_tiles = sum(1 for one in page.all("li") if one == {})
    assert captions >= 10
    assert tables - captions <= in_tiles


@pytest.mark.slow
def test_pictures_inside_hold_no_script_and_no_link_outside(make_findings, pictures):
    text = report_html(make_findings(root=pictures))
    drawings = re.findall(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)", text)
    assert len(drawings) >= 4
    for drawing in drawings:
        content = base64.b64decode(drawing).decode()
        assert "<script" not in content
        assert not re.search(r'href="(?!#|data:)', content)


@pytest.mark.slow
def test_the_same_findings_make_the_same_bytes(make_findings, pictures):
    found = make_findings(root=pictures)
    assert report_html(found) == report_html(found)


def test_an_image_that_cannot_be_read_says_so(page):
    assert "not readable" in page.text


@pytest.mark.slow
def test_without_images_there_are_figures_and_one_sentence_about_photographs(make_findings):
    page = Page(report_html(make_findings()))
    assert page.text.count("There are no pictures here.") == 2
    assert not any(one["src"].startswith("data:image/jpeg") for one in page.all("img"))
    assert len(page.all("img")) >= 5


@pytest.mark.slow
def test_without_single_answers_the_numbers_are_still_there(make_findings):
    found = make_findings()
    bare = {
        key: replace(
            run, confidence={}, paths=None, prompts=None, bound=run.predictions["ldpf-oracle"]
        )
        for key, run in found.runs.items()
    }
    trainings = tuple(replace(one, latent=None, words=None) for one in found.trainings)
    page = Page(report_html(replace(found, runs=bare, trainings=trainings)))
    assert [one["id"] for one in page.all("section")] == ANCHORS
    assert page.text.count("There are no answers here.") == 2  # calibration, doubtful answers
    assert page.text.count("There is no model here.") == 3  # domains, their map, weights
    assert page.text.count("There are no pictures here.") == 1
    assert "U_sel, %" in page.text  # from what the oracle answered


def test_nothing_measured_is_said_in_every_section_that_would_show_it(make_findings):
    found = make_findings()
    trainings = (replace(found.trainings[0], latent=None, words=None),)
    found = replace(
        found, kind="model", targets=(), runs={}, table=None, trainings=trainings, trained_on=()
    )
    page = Page(report_html(found))
    assert [one["id"] for one in page.all("section")] == ANCHORS
    assert not page.all("img")


@pytest.mark.parametrize("measured", [True, False])
def test_a_method_without_latent_domains_leaves_their_sections_out(make_findings, measured):
    found = make_findings(main="coop", trainings=())
    if not measured:
        found = replace(found, kind="model", targets=(), runs={}, table=None)
    page = Page(report_html(found))
    latent = {"domains", "map", "weights", "oracle", "diagnosis"}
    assert [one["id"] for one in page.all("section")] == [a for a in ANCHORS if a not in latent]
    [sentence] = [line for line in page.text.splitlines() if "coop has no latent domains" in line]
    assert all(title in sentence for title in ("Map of domain features", "Oracle gap", "Diagnosis"))


@pytest.mark.slow
def test_a_section_that_registers_itself_comes_before_how_to_reproduce(make_findings, monkeypatch):
    monkeypatch.setattr(SECTIONS, "_entries", dict(SECTIONS._entries))
    monkeypatch.setattr(SECTIONS, "_facts", dict(SECTIONS._facts))

    @SECTIONS.register("colophon", title="Who made it")
    def colophon(found):
        return [Text(f"Made by {found.main}.")]

    page = Page(report_html(make_findings()))
    assert [one["id"] for one in page.all("section")] == [*ANCHORS[:-1], "colophon", ANCHORS[-1]]
    assert "Who made it" in page.text
    assert "Made by ldpf." in page.text


def test_sections_are_listed_without_numpy():
    code = (
        "import sys; from ldpf.report.sections.base import ordered_sections, section_title; "
        "print([section_title(name) for name in ordered_sections()]); "
        "sys.exit('numpy' in sys.modules or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_the_summary_compares_with_zero_shot_and_coop(make_findings):
    first, zero, coop = summary(make_findings())
    assert re.fullmatch(
        r"ldpf is right for \d+\.\d% of images of a domain never seen, averaged over 2 targets\.",
        first,
    )
    assert re.fullmatch(r"Against zero-shot: \+[\d.]+ \[[\d.]+, [\d.]+\] points, better\.", zero)
    assert coop.startswith("Against coop: ")


def test_an_unfinished_target_is_said_so(make_findings):
    found = make_findings()
    row = next(row for row in found.table.rows if row.method == "ldpf")
    rows = tuple(
        replace(row, cells={**row.cells, "average": None}) if one is row else one
        for one in found.table.rows
    )
    told = summary(replace(found, table=replace(found.table, rows=rows)))
    assert told == ["Not every target has been run yet; the same benchmark command resumes."]


@pytest.mark.slow
def test_file_names_that_are_no_unicode_do_not_break_the_page(make_findings, pictures, tmp_path):
    found = make_findings(root=pictures)
    odd = tuple(
        replace(one, latent=replace(one.latent, paths=("b\udcff.png",) * 30))
        for one in found.trainings
    )
    write_report(replace(found, trainings=odd), tmp_path / "report.html")
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert page.all("img") and "\udcff" not in page.text


@pytest.mark.slow
def test_a_file_that_cannot_be_written_is_one_sentence(make_findings, tmp_path):
    with pytest.raises(SettingsError) as caught:
        write_report(make_findings(), tmp_path / "no" / "report.html")
    assert str(caught.value).endswith(
        "cannot be written (No such file or directory); give another file with out."
    )


def better_than(found, base, method="ldpf"):
    """The findings with every answer of `method` right and of `base` wrong."""
    runs = {}
    for key, run in found.runs.items():
        wrong = (run.labels + 1) % len(found.class_names)
        runs[key] = replace(run, predictions={**run.predictions, method: run.labels, base: wrong})
    return replace(found, runs=runs)


@pytest.mark.slow
def test_the_headline_says_to_use_what_is_clearly_better(make_findings):
    found = make_findings()
    assert headline(found).startswith("What to do: ")
    assert report_html(found).count("What to do: ") == 1
    worse = better_than(found, "ldpf", "zero-shot")
    assert "take the ready-made model without training (zero-shot) and not ldpf" in headline(worse)


def test_the_headline_asks_for_images_where_nothing_was_measured(make_findings):
    assert "measure it on labeled images" in headline(replace(make_findings(), table=None))


def test_the_headline_names_a_method_that_leads(make_findings):
    found = make_findings()
    rows = tuple(
        replace(row, cells={**row.cells, "average": Cell.of([float(row.method == "coop")])})
        for row in found.table.rows
    )
    told = headline(replace(found, table=replace(found.table, rows=rows)))
    assert told.startswith("What to do: take coop (100.0%) rather than ldpf (0.0%)")


def test_terms_and_methods_are_explained_on_the_page(page):
    for said in ("the measurement repeated on images", "how evenly weights are spread"):
        assert page.text.count(said) == 1
    assert len(page.all("dt")) >= 10
    assert "The methods in words" in page.text


def test_wide_tables_scroll_and_can_be_reached_by_keyboard(page):
    wide = [one for one in page.all("div") if one.get("class") == "wide"]
    assert wide and all(one["tabindex"] == "0" and one["role"] == "region" for one in wide)
