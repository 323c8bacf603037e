from __future__ import annotations

import io
import sys

from ldpf.utils.progress import progress_bar


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_log_file_gets_a_line_now_and_then_with_rate_and_time_left(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with progress_bar("encoding images", 4000, line_every=0.0) as advance:
        now[0] = 100  # starting takes long, and says nothing about the speed
        advance(1000)
        for _ in range(2):
            now[0] += 10
            advance(500)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "encoding images: 1,000 of 4,000 (25%)",
        "encoding images: 1,500 of 4,000 (38%), 50.0/s, 50 s left",
        "encoding images: 2,000 of 4,000 (50%), 50.0/s, 40 s left",
    ]


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
