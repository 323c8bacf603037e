"""What a named benchmark is: its domains, classes, readable class names and published counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ldpf.data.class_names import readable_name


def name_key(name: str) -> str:
    """What spellings in circulation share: ``Real World``, ``real_world``, ``RealWorld``."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())


@dataclass(frozen=True)
class Benchmark:
    """A public benchmark as its authors and the field's code name it.

    Attributes:
        name: What is typed: "office-home".
        title: What people write: "Office-Home".
        domains: Official domain names, sorted.
        classes: Official class folder names, sorted.
        images: Images in all; None where no source for the number was found.
        domain_images: Images per domain, for the domains whose number is published.
        class_images: Images per domain and class, in the order of `classes`, where published.
        readable: Class names for prompts, where `readable_name` in lower case does not give them.
        domain_aliases: Other spellings of domain folders, as `name_key`, to the official name.
        numbered: Class folders may be called by their number in `classes`, from 0.
        every_class_everywhere: Each domain has images of each class.
        ignored: Top folders that lie beside the domains in circulating copies and hold none.
        paper: Where it comes from.
        home: Project pages, as text. Nothing is downloaded from them.
        terms: Under which terms it may be used, as far as its pages say.
        notes: What else to know, one sentence each.
    """

    name: str
    title: str
    domains: tuple[str, ...]
    classes: tuple[str, ...]
    paper: str
    home: tuple[str, ...]
    terms: str
    images: int | None = None
    domain_images: Mapping[str, int] = field(default_factory=dict)
    class_images: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    readable: Mapping[str, str] = field(default_factory=dict)
    domain_aliases: Mapping[str, str] = field(default_factory=dict)
    numbered: bool = False
    every_class_everywhere: bool = False
    ignored: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def class_name(self, folder: str) -> str:
        """The name a prompt uses for an official class: ``TV`` gives "television"."""
        return self.readable.get(folder) or readable_name(folder).lower()

    def domain_keys(self) -> dict[str, str]:
        """Every known spelling of a domain folder, as `name_key`, to the official name."""
        return {name_key(domain): domain for domain in self.domains} | dict(self.domain_aliases)

    def class_keys(self) -> dict[str, str]:
        """Every known spelling of a class folder, as `name_key`, to the official name."""
        keys = {name_key(folder): folder for folder in self.classes}
        if self.numbered:
            keys |= {str(number): folder for number, folder in enumerate(self.classes)}
        return keys
