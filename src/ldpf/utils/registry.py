"""Registries: what can be chosen by name, where adding one is one file that registers itself.

A room such as `ldpf.fusion` has one registry. A file of the room adds an entry with a decorator:

    @FUSION_RULES.register("uniform")
    @dataclass(frozen=True)
    class Uniform: ...

Names and summaries are read from the source of the room's files without importing them, so that
`ldpf train --help` lists every method without loading torch; an entry is imported when it is asked
for. A package outside adds entries through an entry point in the group of the same name as the
room, `[project.entry-points."ldpf.fusion"]` with `name = "package.module:object"`.
"""

from __future__ import annotations

import ast
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, is_dataclass
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Generic, TypeVar

from ldpf.errors import SettingsError
from ldpf.utils.constraints import LATER
from ldpf.utils.learned import setting_fields
from ldpf.utils.text import did_you_mean, quoted

T = TypeVar("T")
Entry = TypeVar("Entry", bound=Callable[..., Any])

log = logging.getLogger("ldpf")


@dataclass(frozen=True)
class _Source:
    """Where an entry of the room itself is defined.

    Attributes:
        module: to import.
        summary: first line of its docstring.
        facts: keyword arguments of the decorator.
    """

    module: str
    summary: str
    facts: dict[str, Any]


class Registry(Generic[T]):
    """Entries by name: classes or functions that make a `T` from keyword settings.

    Attributes:
        kind: what an entry is called in messages, such as "fusion rule".
        group: entry-point group for packages outside.
    """

    def __init__(self, kind: str, package: str, *, variable: str, group: str | None = None) -> None:
        """Prepare; nothing is imported.

        Args:
            kind: what an entry is called in messages.
            package: the room, whose files register entries.
            variable: name that the registry has in the room's files.
            group: entry-point group; None for the name of `package`.
        """
        self.kind, self.package, self.variable = kind, package, variable
        self.group = group or package
        self._entries: dict[str, Callable[..., T]] = {}
        self._facts: dict[str, dict[str, Any]] = {}

    def register(self, name: str, **facts: Any) -> Callable[[Entry], Entry]:
        """Decorator: add a class or function under `name`.

        Args:
            name: a literal string, since it is read from the source.
            facts: literal values that help choose without importing; see `facts`.

        Raises:
            SettingsError: another entry has this name.
        """

        def add(entry: Entry) -> Entry:
            known = self._entries.get(name)
            # A module that is reloaded registers its own entry again.
            if known is not None and known.__qualname__ != entry.__qualname__:
                raise SettingsError(
                    f"There are two {self.kind}s called {name!r}: {known.__module__}."
                    f"{known.__qualname__} and {entry.__module__}.{entry.__qualname__}; rename one."
                )
            self._entries[name], self._facts[name] = entry, facts
            added: Any = entry
            if isinstance(added, type):
                added.registered_name = name  # type: ignore[attr-defined]
                added.registry = self  # type: ignore[attr-defined]
            return entry

        return add

    def names(self) -> list[str]:
        """All names: the room's own in the order of its files, then those of packages outside."""
        return list(dict.fromkeys([*self._sources, *self._entries, *self._outside]))

    def is_built_in(self, name: str) -> bool:
        """Whether an entry is in a file of the room, rather than of a package outside."""
        return name in self._sources

    def __reduce__(self) -> str | tuple[Any, ...]:
        # A worker process gets the registry of its own imports. A copy would not see the entries
        # that the room's files register there.
        for module in (self.package, f"{self.package}.base"):
            with suppress(ImportError):
                if getattr(import_module(module), self.variable, None) is self:
                    return _registry, (module, self.variable)
        return super().__reduce__()

    def __contains__(self, name: object) -> bool:
        return name in self._sources or name in self._entries or name in self._outside

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __len__(self) -> int:
        return len(self.names())

    def __getitem__(self, name: str) -> Callable[..., T]:
        return self.get(name)

    def get(self, name: str) -> Callable[..., T]:
        """The entry called `name`, imported now if it was not before.

        Raises:
            SettingsError: there is none, or the package outside that names it cannot be imported.
        """
        if not isinstance(name, str):  # from a model folder, or given in Python; perhaps a list
            raise SettingsError(self.unknown(name))
        if name not in self._entries:
            if name in self._sources:
                import_module(self._sources[name].module)
            elif name in self._outside:
                self._entries[name] = self._load_outside(self._outside[name])
            else:
                raise SettingsError(self.unknown(name))
        return self._entries[name]

    def make(self, name: str, **settings: Any) -> T:
        """An object of the entry called `name`.

        Raises:
            SettingsError: there is no such entry, or a setting that it does not have or allow.
        """
        entry = self.get(name)
        try:
            return entry(**settings)
        except TypeError as error:
            if not settings:
                raise
            raise SettingsError(f"The {self.kind} {name!r} cannot be made: {error}.") from error

    def unknown(self, name: str) -> str:
        """The sentence that refuses an unknown name."""
        choices = ", ".join(self.names())
        if isinstance(name, str) and (hint := did_you_mean(name, self.names())):
            return f"There is no {self.kind} {quoted(name)}.{hint} Choose from {choices}."
        return f"There is no {self.kind} {quoted(name)}; choose from {choices}."

    def summary(self, name: str) -> str:
        """The first line of an entry's docstring; imports nothing of the room."""
        if name in self._sources:
            return self._sources[name].summary
        try:
            entry = self.get(name)
        except SettingsError as error:
            if name not in self._outside:
                raise
            # One broken package must not stop commands that only list what there is.
            return str(error)
        return (entry.__doc__ or "").strip().split("\n")[0]

    def facts(self, name: str) -> dict[str, Any]:
        """The literal keyword arguments of the entry's decorator; imports nothing of the room.

        An entry from a package outside is imported; without a decorator it has none. Nor has one
        that cannot be imported: that is told where it is used, and breaks no list of names.
        """
        if name in self._sources:
            return dict(self._sources[name].facts)
        if name not in self._entries and name in self._outside:
            with suppress(SettingsError):
                self.get(name)
            return dict(self._facts.get(name, {}))
        self.get(name)
        return dict(self._facts.get(name, {}))

    @cached_property
    def _sources(self) -> dict[str, _Source]:
        found: dict[str, _Source] = {}
        spec = find_spec(self.package)
        for folder in (spec and spec.submodule_search_locations) or ():
            for file in sorted(Path(folder).glob("*.py")):
                module = self.package if file.stem == "__init__" else f"{self.package}.{file.stem}"
                for name, source in self._read(file, module):
                    found.setdefault(name, source)
        return found

    def _read(self, file: Path, module: str) -> Iterator[tuple[str, _Source]]:
        text = file.read_text(encoding="utf-8")
        if f"{self.variable}.register(" not in text:
            return
        for node in ast.parse(text).body:
            if not isinstance(node, ast.ClassDef | ast.FunctionDef):
                continue
            summary = (ast.get_docstring(node) or "").split("\n")[0]
            for call in node.decorator_list:
                if isinstance(call, ast.Call) and ast.unparse(call.func).endswith(
                    f"{self.variable}.register"
                ):
                    facts = {k.arg: ast.literal_eval(k.value) for k in call.keywords if k.arg}
                    yield ast.literal_eval(call.args[0]), _Source(module, summary, facts)

    @cached_property
    def _outside(self) -> dict[str, EntryPoint]:
        """Entry points by name, without those that cannot be reached; each of these is told."""
        points: dict[str, EntryPoint] = {}
        for point in entry_points(group=self.group):
            other = _package(points[point.name]) if point.name in points else None
            if self.is_built_in(point.name):
                other = "ldpf"
            if other is None:
                points[point.name] = point
            else:
                log.warning(
                    "The %s %r of the package %r is left out, since %s has one of that name; "
                    "rename it.",
                    self.kind,
                    point.name,
                    _package(point),
                    other,
                )
        return points

    def _load_outside(self, point: EntryPoint) -> Callable[..., T]:
        try:
            entry = point.load()
        except Exception as error:  # whatever a foreign module does when it is imported
            raise SettingsError(
                f"The {self.kind} {point.name!r} comes from {point.value!r}, which cannot be "
                f"imported ({type(error).__name__}: {error}); repair or uninstall that package."
            ) from error
        # A decorated entry has registered itself while it was imported.
        if isinstance(entry, type) and "registered_name" not in vars(entry):
            entry.registered_name = point.name  # type: ignore[attr-defined]
            entry.registry = self  # type: ignore[attr-defined]
        return self._entries.get(point.name, entry)


def _package(point: EntryPoint) -> str:
    """The installed package that an entry point belongs to."""
    return point.dist.name if point.dist is not None else point.module


def part_settings(part: Any) -> Any:
    """A part and its parts as plain values for JSON and hashes, each registered one with its name.

    `dataclasses.asdict` leaves out which class a part is of, so two rules without settings would
    look the same. What a part has learned is no setting, and the default of a `LATER` one is none.
    """
    if is_dataclass(part) and not isinstance(part, type):
        values = {
            field.name: part_settings(getattr(part, field.name))
            for field in setting_fields(part)
            if not (field.metadata.get(LATER) and getattr(part, field.name) == field.default)
        }
        name = getattr(part, "registered_name", None)
        return values if name is None or "name" in values else {"name": name, **values}
    if isinstance(part, tuple | list):
        return [part_settings(item) for item in part]
    return part


def _registry(module: str, variable: str) -> Registry[Any]:
    """The registry that a module defines or imports."""
    return getattr(import_module(module), variable)
