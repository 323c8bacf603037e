"""`python -m ldpf.cli` does what `ldpf` does."""

from ldpf.cli import main

main()
