"""Errors a person can act on: every message says what is wrong, the value seen, and what to do."""

from __future__ import annotations


class LdpfError(Exception):
    """Base of every error this library raises on purpose; `ldpf` prints it and exits 2."""


class DataError(LdpfError, ValueError):
    """Images, folders, manifests or splits that cannot be used as they are.

    A ValueError too, as scikit-learn's tools expect of an estimator.
    """


class BackboneError(LdpfError):
    """A backbone that cannot be found, reached, loaded or used."""


class ModelError(LdpfError):
    """A model or run folder that is missing something, damaged, or made for something else."""


class SettingsError(LdpfError, ValueError):
    """A setting outside what the method or command accepts. A ValueError too, like `DataError`."""
