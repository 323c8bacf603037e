"""`ldpf app` up to the server, which tests of the page itself drive."""

from __future__ import annotations

import socket
import sys
import urllib.request

import pytest

import ldpf.app.serving
from ldpf.errors import SettingsError
from ldpf.workflows.serving import Served

gradio = pytest.importorskip("gradio", reason="gradio is not installed (pip install 'ldpf[app]')")


@pytest.fixture
def visited(monkeypatch):
    """What was served when the command would have waited for Ctrl-C."""
    seen = {}

    def visit(served):
        page = served.page
        with urllib.request.urlopen(page.local_url) as reply:
            seen.update(address=page.local_url, html=reply.read().decode(), share=page.share)
        served.close()

    monkeypatch.setattr(Served, "wait", visit)
    return seen


def test_the_page_is_served_here_and_not_shared(model, images, run, visited):
    result = run("app", model, "--data", images)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.strip() == f"Open {visited['address']}"
    assert visited["address"].startswith("http://127.0.0.1:")
    assert not visited["share"]
    assert "ldpf" in visited["html"]  # the title is the folder's name


@pytest.mark.slow
def test_a_model_with_one_prompt_is_served_too(coop_model, run, visited):
    assert run("app", coop_model).exit_code == 0
    assert visited["html"]


def test_sharing_is_asked_of_gradio_and_warned_of(model, run, visited, monkeypatch):
    asked = {}
    launch = gradio.Blocks.launch

    def without_a_relay(page, **options):
        asked.update(options)
        return launch(page, **{**options, "share": False})

    monkeypatch.setattr(gradio.Blocks, "launch", without_a_relay)
    result = run("app", model, "--share")
    assert result.exit_code == 2  # without a link nothing is served
    assert asked["share"] is True
    assert "Warning: --share makes a link through gradio's relay: everybody who has it" in (
        result.stderr
    )


@pytest.mark.slow
def test_an_address_that_others_reach_is_warned_of(model, run, visited):
    result = run("app", model, "--host", "0.0.0.0")
    assert result.exit_code == 0, result.stderr
    assert "Warning: the page on 0.0.0.0 is open to everybody who can reach it" in result.stderr
    assert "Warning" not in run("app", model).stderr


@pytest.mark.parametrize("port", [0, 65536])
def test_a_port_that_cannot_be_is_refused(model, run, port):
    result = run("app", model, "--port", port)
    assert result.exit_code == 2
    assert f"port={port} should be a whole number from 1 to 65,535." in result.stderr


def test_a_port_in_use_is_a_sentence(model, run, visited):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run("app", model, "--port", port)
    assert result.exit_code == 2
    assert f"The page cannot be served on 127.0.0.1, port {port}" in result.stderr
    assert "--port or --host" in result.stderr


def test_without_gradio_the_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(SettingsError, match=r"pip install 'ldpf\[app\]'"):
        ldpf.app.serving.load_gradio()


@pytest.mark.parametrize("others", [("--share",), ("--host", "0.0.0.0")])
def test_a_page_that_others_reach_keeps_no_model(model, run, tmp_path, others):
    result = run("app", model, *others, "--out", tmp_path / "kept")
    assert result.exit_code == 2
    assert "--out would let everybody who can open the page write a model" in result.stderr
    assert not (tmp_path / "kept").exists()
