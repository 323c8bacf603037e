"""Text features of learnable prompts: the hot path, and the reference it is checked against."""

from ldpf.text.encoder import PATHS, PromptedTextEncoder
from ldpf.text.memory import ChunkChoice

__all__ = ["PATHS", "ChunkChoice", "PromptedTextEncoder"]
