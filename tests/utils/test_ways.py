from __future__ import annotations

from ldpf.utils.ways import command_line, setting


def test_python_reads_arguments() -> None:
    said = setting("skip_bad"), setting("tau", 0.1), setting("out", "FILE"), setting("data", None)
    assert said == ("skip_bad=True", "tau=0.1", "out=FILE", "data")
    assert setting("backbone", "nano") == "backbone='nano'"


def test_the_command_line_reads_options() -> None:
    with command_line():
        said = [setting("skip_bad"), setting("tau", 0.1), setting("class_names", "FILE")]
        assert setting("data", None) == "--data"
    assert said == ["--skip-bad", "--tau 0.1", "--class-names FILE"]
    assert setting("skip_bad") == "skip_bad=True"
