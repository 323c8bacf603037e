"""What a row says, and what of it is safe in a spreadsheet."""

from __future__ import annotations

from ldpf.workflows.prediction_rows import Row, without_formulas


def test_above_0_is_outside():
    assert [Row("a", outside=score).is_outside for score in (None, 0.0, 0.1)] == [None, False, True]


def test_a_text_that_a_spreadsheet_would_run_gets_a_quote():
    row = without_formulas(Row("=1.png", (("+cat", 0.75), ("dog", 0.25)), classes=("+cat",)))
    assert (row.path, row.top[0][0], row.top[1][0]) == ("'=1.png", "'+cat", "dog")
    assert row.classes == ("'+cat",)
