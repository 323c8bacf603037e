from __future__ import annotations

import io
import sys

from ldpf.utils.progress import progress_bar


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_log_file_gets_a_line_now_and_then_with_rate_and_time_left(capsys):
    with progress_bar("encoding images", 4000, line_every=0.0) as advance:
        advance(1000)
        advance(3000)
    out, err = capsys.readouterr()
    first, last = err.splitlines()
    assert out == ""
    assert first.startswith("encoding images: 1,000 of 4,000 (25%), ") and first.endswith(" left")
    assert "/s, " in first and last.endswith(" 0:00:00 left")


def test_short_work_leaves_no_line_in_a_log_file(capsys):
    with progress_bar("encoding images", 10) as advance:
        advance(10)
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm")
    with progress_bar("encoding images", 4) as advance:
        advance(4)
    assert "encoding images" in terminal.getvalue() and "4/4" in terminal.getvalue()


def test_disabled_shows_nothing(monkeypatch, capsys):
    with progress_bar("encoding images", 4, enabled=False, line_every=0.0) as advance:
        advance(4)
    assert capsys.readouterr() == ("", "")
