from __future__ import annotations

import pytest
from PIL import Image

from ldpf.app.render import SHOWN, answer_html, domains_html, hint, message
from ldpf.app.session import Answer

EVIL = '<img src=x onerror="alert(1)">'


@pytest.mark.parametrize(
    "html",
    [
        message(EVIL),
        hint(EVIL),
        answer_html(Answer(((EVIL, 1.0),), ((EVIL, 1.0),), (1.0,), warning=EVIL)),
    ],
)
def test_nothing_typed_becomes_markup(html):
    assert "<img" not in html and "&lt;img" in html and 'onerror="' not in html


def test_only_the_first_classes_are_shown():
    ranking = tuple((f"class-{k:02d}", 1 / 20) for k in range(20))
    html = answer_html(Answer(ranking, ranking, (1.0,)))
    assert html.count('class="ldpf-bar"') == 2 * SHOWN and "class-08" not in html


def test_a_warning_is_shown_where_there_is_one():
    ranking = (("cat", 1.0),)
    assert 'role="alert"' in answer_html(Answer(ranking, ranking, (1.0,), "Outside."))
    assert 'role="alert"' not in answer_html(Answer(ranking, ranking, (1.0,)))


def test_every_latent_domain_has_its_weight_and_pictures():
    typical = [[Image.new("RGB", (8, 8))] * n for n in (1, 2)]
    html = domains_html((0.25, 0.75), typical)
    assert "25.0%" in html and "75.0%" in html
    assert html.count('src="data:image/jpeg;base64,') == 3


def test_without_pictures_the_note_says_how_to_get_them():
    assert "Start with --data" in domains_html((0.5, 0.5), (), "Start with --data")


def test_one_prompt_has_no_latent_domains():
    assert "one prompt for all images" in domains_html((1.0,), ())
