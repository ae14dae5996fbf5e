"""The command line: `fs2od NOUN VERB`, one module per noun. The one room that prints and reads the environment."""

from fs2od.cli.main import main

__all__ = ["main"]
