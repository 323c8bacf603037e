"""Registries: entries by name, read without importing, from files and from packages outside."""

import pickle
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from ldpf.errors import SettingsError
from ldpf.utils.learned import learned
from ldpf.utils.registry import Registry, part_settings

BASE = """
from ldpf.utils.learned import learned
from ldpf.utils.registry import Registry
RULES = Registry("rule", "room", variable="RULES")
"""
PLAIN = '''
from dataclasses import dataclass
from room.base import RULES

@RULES.register("plain", cost=2)
@dataclass(frozen=True)
class Plain:
    """All the same.

    More words.
    """
    tau: float = 0.5
'''
LOUD = '''
import sys
from room.base import RULES
sys.modules["loud_was_imported"] = sys

@RULES.register("loud")
def loud():
    """Makes noise."""
    return "noise"
'''


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    folder = tmp_path / "room"
    folder.mkdir()
    for name, text in {"__init__": "", "base": BASE, "plain": PLAIN, "loud": LOUD}.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [m for m in sys.modules if m.split(".")[0] in ("room", "loud_was_imported")]:
        monkeypatch.delitem(sys.modules, name)
    from room.base import RULES

    yield RULES
    for name in [m for m in sys.modules if m.split(".")[0] in ("room", "loud_was_imported")]:
        del sys.modules[name]


def test_names_and_summaries_are_known_without_importing_an_entry(room: Registry) -> None:
    assert room.names() == ["loud", "plain"]
    assert room.summary("plain") == "All the same."
    assert room.facts("plain") == {"cost": 2}
    assert "loud_was_imported" not in sys.modules


def test_only_the_entry_asked_for_is_imported(room: Registry) -> None:
    assert room.make("plain", tau=0.2).tau == 0.2
    assert "loud_was_imported" not in sys.modules
    assert room.make("loud") == "noise"


def test_an_entry_knows_its_name(room: Registry) -> None:
    assert room.get("plain").registered_name == "plain"


def test_an_unknown_name_is_refused_with_the_names_and_the_nearest(room: Registry) -> None:
    with pytest.raises(SettingsError, match=r"'plian'.*Did you mean 'plain'.*loud, plain"):
        room.get("plian")


@pytest.mark.parametrize("name", [None, 3, ["plain"], {"name": "plain"}])
def test_a_name_that_is_no_text_is_refused_with_it(room: Registry, name: object) -> None:
    with pytest.raises(SettingsError) as caught:
        room.make(name)  # type: ignore[arg-type]
    assert repr(name) in str(caught.value) and "choose from" in str(caught.value)


def test_an_unknown_setting_is_refused(room: Registry) -> None:
    with pytest.raises(SettingsError, match=r"plain.*sigma"):
        room.make("plain", sigma=1)


def test_two_entries_of_one_name_are_refused(room: Registry) -> None:
    room.get("plain")
    with pytest.raises(SettingsError, match="two rules called 'plain'"):

        @room.register("plain")
        class Other:
            pass


def _install(
    tmp_path: Path, group: str, target: str, name: str = "far", package: str = "outsider"
) -> None:
    info = tmp_path / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {target}\n")


def test_a_package_outside_adds_an_entry(room: Registry, tmp_path: Path) -> None:
    sys.modules.pop("outsider", None)
    (tmp_path / "outsider.py").write_text('class Far:\n    """From far."""\n')
    _install(tmp_path, "room", "outsider:Far")
    assert "far" in room
    assert room.summary("far") == "From far."
    assert type(room.make("far")).__name__ == "Far"
    assert room.get("far").registered_name == "far"


def test_facts_of_a_package_outside_are_those_of_its_decorator(
    room: Registry, tmp_path: Path
) -> None:
    (tmp_path / "outsider.py").write_text(
        'from room.base import RULES\n\n\n@RULES.register("far", cost=3)\nclass Far:\n    pass\n'
    )
    _install(tmp_path, "room", "outsider:Far")
    sys.modules.pop("outsider", None)
    assert room.facts("far") == {"cost": 3}


def test_a_package_outside_that_fails_is_named(room: Registry, tmp_path: Path) -> None:
    _install(tmp_path, "room", "no_such_module:Far")
    with pytest.raises(SettingsError, match=r"'far'.*no_such_module"):
        room.get("far")


def test_a_package_outside_that_fails_does_not_stop_a_list(room: Registry, tmp_path: Path) -> None:
    _install(tmp_path, "room", "no_such_module:Far")
    summaries = {name: room.summary(name) for name in room}
    assert "'far'" in summaries["far"] and "no_such_module" in summaries["far"]
    assert summaries["plain"] == "All the same."
    assert {name: room.facts(name) for name in room} == {
        "loud": {},
        "plain": {"cost": 2},
        "far": {},
    }


def test_a_package_outside_with_the_name_of_a_built_in_entry_is_told_once(
    room: Registry, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _install(tmp_path, "room", "outsider:Plain", name="plain")
    assert room.names() == ["loud", "plain"]
    assert room.make("plain").tau == 0.5
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "'plain'" in record.getMessage() and "'outsider'" in record.getMessage()


def test_of_two_packages_outside_with_one_name_the_one_left_out_is_told(
    room: Registry, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for package in ("outsider", "stranger"):
        (tmp_path / f"{package}.py").write_text(f"def far():\n    return {package!r}\n")
        sys.modules.pop(package, None)
        _install(tmp_path, "room", f"{package}:far", package=package)
    kept = room.make("far")
    (left_out,) = {"outsider", "stranger"} - {kept}
    (record,) = caplog.records
    assert f"package {left_out!r} is left out, since {kept} has" in record.getMessage()


def test_settings_of_parts_name_their_class() -> None:
    @dataclass(frozen=True)
    class Rule:
        tau: float = 1.0

    Rule.registered_name = "soft"

    @dataclass(frozen=True)
    class Method:
        rule: Rule
        sizes: tuple[int, ...] = (1, 2)

    assert part_settings(Method(Rule())) == {
        "rule": {"name": "soft", "tau": 1.0},
        "sizes": [1, 2],
    }


def test_what_a_part_has_learned_is_no_setting() -> None:
    @dataclass(frozen=True)
    class Rule:
        tau: float = 1.0
        gate: object = learned()

    assert part_settings(Rule(gate=[1, 2])) == {"tau": 1.0}
    assert Rule(gate=1) == Rule(gate=2)


def test_the_registry_itself_loads_no_torch() -> None:
    code = "import sys, ldpf.utils.registry; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_copy_for_a_worker_process_is_the_registry_of_its_own_imports() -> None:
    from ldpf.fusion import FUSION_RULES
    from ldpf.methods.choosing import CHOICE_RULES

    for registry in (FUSION_RULES, CHOICE_RULES):
        assert pickle.loads(pickle.dumps(registry)) is registry
