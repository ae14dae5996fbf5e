"""`python -m fs2od` is the command `fs2od`."""

from fs2od.cli import main

main()
