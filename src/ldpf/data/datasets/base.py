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
from string import Formatter

from ldpf.data.reading_names import readable_name
from ldpf.errors import SettingsError
from ldpf.utils.registry import Registry


def name_key(name: str) -> str:
    """What spellings in circulation share: ``Real World``, ``real_world``, ``RealWorld``."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())


@dataclass(frozen=True)
class HubCopy:
    """A copy on the Hugging Face hub, as a data set of Parquet files with an image in each row.

    Attributes:
        repo: Id of the data set on the hub.
        license: What its card says.
        files: Names of its Parquet files, as a pattern of `fnmatch`.
        image, label, domain: Names of the columns. Labels and domains are names, or numbers whose
            names the files give.
    """

    repo: str
    license: str
    files: str = "data/*.parquet"
    image: str = "image"
    label: str = "label"
    domain: str = "domain"


@dataclass(frozen=True)
class MetadataLayout:
    """How a table `metadata.csv` tells a data set's files, with its columns in braces.

    Attributes:
        path: Of the image, from the folder of the table.
        label: Column with the number of the class.
        domain: Name of the domain.
        group: Name of what must stay on one side of a split.
        split: Column with the split.
        splits: Its values that are used, to ``train``, ``val`` or ``test``; others are left out.
        domain_splits: Domains that are one split as a whole, whatever the column says.
        labels: Class names by number.
        label_names: A table with columns y and name in their place.
    """

    path: str
    label: str
    domain: str
    group: str
    split: str
    splits: Mapping[str, str]
    domain_splits: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    label_names: str | None = None

    def columns(self) -> set[str]:
        """The columns that the table must have."""
        parts = (Formatter().parse(text) for text in (self.path, self.domain, self.group))
        named = {name for part in parts for _, name, _, _ in part if name}
        return {*named, self.label, self.split}

    def group_of(self, row: Mapping[str, str]) -> str:
        """The group of a row of the table."""
        return self.group.format_map(row)


@dataclass(frozen=True)
class NamedDataset:
    """A public data set as its authors and the field's code name it.

    Attributes:
        name: What is typed: "office-home".
        title: What people write: "Office-Home".
        domains: Official domain names, sorted; none where only its table names them.
        classes: Official class folder names, sorted; likewise.
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
        metadata: How a table tells its files, for one that does not lie in folders of domains.
        copy: A copy on the hub that `ldpf datasets fetch` takes; None where none is known.
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
    metadata: MetadataLayout | None = None
    copy: HubCopy | None = None
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
