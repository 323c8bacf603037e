from __future__ import annotations

import shlex

from ldpf.utils.ways import command_line, named, positional, reads_options, setting


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


def test_a_value_is_quoted_as_its_reader_needs_it() -> None:
    pattern = r"(?P<group>\w+) \d"
    assert setting("group_by", pattern) == f"group_by={pattern!r}"
    with command_line():
        assert shlex.split(setting("group_by", pattern)) == ["--group-by", pattern]


def test_an_option_of_another_name_than_its_argument() -> None:
    assert setting("part", "features", option="to") == "part='features'"
    with command_line():
        assert setting("part", "features", option="to") == "--to features"


def test_a_worker_says_what_the_process_that_waits_says() -> None:
    with command_line(False):
        assert not reads_options() and named("jobs") == "jobs"
    with command_line():
        typed = reads_options()
        with command_line(False):
            assert named("jobs") == "jobs"
        assert named("jobs") == "--jobs"
    with command_line(typed):
        assert named("jobs") == "--jobs"


def test_names_alone() -> None:
    assert (named("skip_bad"), positional("data")) == ("skip_bad", "data")
    with command_line():
        assert (named("skip_bad"), positional("data")) == ("--skip-bad", "DATA")
