from __future__ import annotations

import pytest

from ldpf.app.render import hint, message, warning

EVIL = '<img src=x onerror="alert(1)">'


@pytest.mark.parametrize("render", [message, warning, hint])
def test_nothing_typed_becomes_markup(render):
    html = render(EVIL)
    assert "<img" not in html
    assert "&lt;img" in html
    assert 'onerror="' not in html


@pytest.mark.parametrize(("render", "read_out"), [(message, True), (warning, True), (hint, False)])
def test_what_went_wrong_is_read_out(render, read_out):
    assert ('role="alert"' in render("No.")) == read_out
