"""Protocols: which domains are trained on and which are tested on, one file each."""

from ldpf.experiments.protocols.base import (
    DEFAULT_PROTOCOL,
    PROTOCOLS,
    Protocol,
    get_protocol,
    protocol_of,
)

__all__ = ["DEFAULT_PROTOCOL", "PROTOCOLS", "Protocol", "get_protocol", "protocol_of"]
