"""What a named data set is: its domains, classes, readable class names and published counts.

Each is one file of this room, which registers itself. A number without a source is left out. The
sources of the counts, named once here:

- DomainBed: Gulrajani and Lopez-Paz, arXiv 2007.01434, and its preparation script.
- SPG: Bai et al., Soft Prompt Generation, ECCV 2024, arXiv 2404.19286, appendix A.
- The survey: Zhou et al., Domain Generalization: A Survey, arXiv 2103.02503, table 2.

Imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ldpf.data.class_names import readable_name
from ldpf.errors import SettingsError
from ldpf.utils.registry import Registry


def name_key(name: str) -> str:
    """What spellings in circulation share: ``Real World``, ``real_world``, ``RealWorld``."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())


@dataclass(frozen=True)
class NamedDataset:
    """A public data set as its authors and the field's code name it.

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
        list_folder: Folder of split lists that select this data set's images from a larger one; in
            a folder that has it, only images that the lists name belong to it.
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
    list_folder: str | None = None
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


DATASETS: Registry[NamedDataset] = Registry(
    "named data set", "ldpf.data.datasets", variable="DATASETS"
)
"""Functions without arguments that describe a data set, by its name."""


def named_dataset(name: str) -> NamedDataset:
    """The data set of that name; case, spaces, ``-`` and ``_`` do not matter.

    Raises:
        SettingsError: There is none; names the nearest and lists all.
    """
    for known in DATASETS:
        if name_key(known) == name_key(name):
            return DATASETS.make(known)
    raise SettingsError(DATASETS.unknown(name))


def named_datasets() -> list[NamedDataset]:
    """All data sets that are known by name, those of packages outside last."""
    return [DATASETS.make(name) for name in DATASETS]
