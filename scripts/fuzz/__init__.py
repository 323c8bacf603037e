"""Attacks on the library: damaged files, killed commands, full disks. `make fuzz` runs them all.

    PYTHONPATH=scripts python -m fuzz                 the long form, which writes SECURITY.md
    PYTHONPATH=scripts python -m fuzz --only images --share 0.01 --seed 5

An attempt survives where the library gives a right answer, or refuses in a sentence (a `LdpfError`,
exit code 1 or 2). A traceback, a hang, a wrong number, lost work or files left behind make it fall.
Every attempt is made from its seed alone, so that one that fell can be made again.
"""
