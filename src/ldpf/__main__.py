"""`python -m ldpf` does what `ldpf` does, also where no script folder is on the path."""

from ldpf.cli import main

main()
