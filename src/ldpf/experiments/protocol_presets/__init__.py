"""Protocol presets: how a paper measured, by name, one file each."""

from ldpf.experiments.protocol_presets.base import (
    PROTOCOL_PRESETS,
    ProtocolPreset,
    get_protocol_preset,
)

__all__ = ["PROTOCOL_PRESETS", "ProtocolPreset", "get_protocol_preset"]
