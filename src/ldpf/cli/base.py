"""The commands of `ldpf` by name; none is imported before it is called.

A command is one typed function that registers itself. It parses options, calls a function of
`ldpf.workflows` and prints what that returns; its docstring is its help:

    @COMMANDS.register("features", panel="With your images")
    def features(data: LabeledData, backbone: BackboneOptions, output: OutputOptions) -> None: ...

Parameters that are option groups (`ldpf.cli.options`, `ldpf.cli.data_options`) stand for all
options of the group. A name of two words ("datasets list") puts a command into a group of commands.
"""

from __future__ import annotations

from ldpf.utils.registry import Registry

COMMANDS: Registry[None] = Registry("command", "ldpf.cli", variable="COMMANDS")
