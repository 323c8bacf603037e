"""What `os.scandir` gives, of folders that do not exist."""

from __future__ import annotations


class FakeEntry:
    def __init__(self, name, is_folder):
        self.name, self.is_folder = name, is_folder

    def is_dir(self):
        return self.is_folder


class FakeScan(list):
    def __enter__(self):
        return iter(self)

    def __exit__(self, *error):
        pass
