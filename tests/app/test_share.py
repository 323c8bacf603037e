"""`--share` with a stand-in for gradio's relay: what a visitor from outside reaches."""

from __future__ import annotations

import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ldpf.errors import SettingsError
from ldpf.methods import LDPF
from ldpf.training.recipe import FAST

pytest.importorskip("gradio", reason="gradio is not installed (pip install 'ldpf[app]')")


class Relay:
    """Passes requests on as gradio's relay does: whoever has its address needs nothing else."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []

    def open(self, host: str, port: int) -> str:
        self.asked.append((host, port))

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                try:
                    answer = urllib.request.urlopen(f"http://{host}:{port}{self.path}", timeout=20)
                except urllib.error.HTTPError as error:
                    answer = error
                with answer:
                    body = answer.read()
                self.send_response(answer.status or 500)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_port}"

    def get(self, path: str) -> tuple[int, str]:
        try:
            address = f"http://127.0.0.1:{self.server.server_port}{path}"
            with urllib.request.urlopen(address, timeout=20) as answer:
                return answer.status, answer.read().decode("utf-8", "replace")
        except urllib.error.HTTPError as error:
            return error.code, ""


@pytest.fixture(scope="module")
def page(make_features, tiny_clip) -> Any:
    from ldpf.app.page import build_page
    from ldpf.app.session import Session

    method = LDPF(recipe=replace(FAST, max_steps=2, cooldown=0))
    fitted = method.fit(make_features(6), make_features(4, seed=1), tiny_clip)
    return lambda: build_page(Session(fitted, tiny_clip), None, "tiny model")


@pytest.fixture
def relay(page, monkeypatch) -> Iterator[SimpleNamespace]:
    """A page that is shared through a stand-in."""
    from gradio import networking

    from ldpf.app.serving import serve

    stand_in = Relay()
    monkeypatch.setattr(
        networking,
        "setup_tunnel",
        lambda local_host, local_port, **_: stand_in.open(local_host, local_port),
    )
    made = page()
    address = serve(made, share=True)
    yield SimpleNamespace(page=made, address=address, asked=stand_in.asked, get=stand_in.get)
    made.close(verbose=False)
    stand_in.server.shutdown()


def test_only_the_relay_is_let_to_the_page_of_this_machine(relay):
    [(host, port)] = relay.asked
    assert host == "127.0.0.1" and relay.address == f"http://127.0.0.1:{port}/"
    status, text = relay.get("/")
    assert status == 200 and "tiny model" in text


def test_visitors_from_outside_read_no_files_of_this_machine(relay, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("not for visitors")
    for route in ("/gradio_api/file=", "/file=", "/gradio_api/stream/"):
        for path in (str(secret), "/etc/passwd", f"../../../../../../..{secret}", "pyproject.toml"):
            status, text = relay.get(route + path)
            assert status in (403, 404, 405) and "not for visitors" not in text


def test_what_the_page_tells_of_itself_names_no_folder_of_this_machine(relay):
    status, text = relay.get("/config")
    assert status == 200 and json.loads(text)["components"]
    assert str(Path(__file__).parents[2]) not in text and str(Path.home()) + "/" not in text


@pytest.mark.slow
def test_without_a_relay_nothing_is_served(page, monkeypatch):
    from gradio import networking

    from ldpf.app.serving import serve

    def refused(**_: Any) -> str:
        raise RuntimeError("Could not get share link from Gradio API Server.")

    monkeypatch.setattr(networking, "setup_tunnel", refused)
    made = page()
    with pytest.raises(SettingsError, match=r"no public link.*Leave out share"):
        serve(made, share=True)
    port = made.server_port
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
