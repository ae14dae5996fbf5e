"""Secrets on standard output: a file that it leads to is its owner's alone."""

from __future__ import annotations

import contextlib
import os
import stat
import sys

import click

__all__ = ["keep_private"]

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def keep_private() -> None:
    """Let nobody else read the file that standard output leads to, and say so; to be called before a secret is printed.

    A shell makes `> job.token` readable for everybody on a cluster. What is no file, or somebody else's, stays as it is.
    """
    with contextlib.suppress(OSError, ValueError):  # no real stream, or a file system without modes
        handle = sys.stdout.fileno()
        facts = os.fstat(handle)
        if stat.S_ISREG(facts.st_mode) and facts.st_uid == os.geteuid() and facts.st_mode & _OTHERS:
            os.fchmod(handle, stat.S_IMODE(facts.st_mode) & ~_OTHERS)
            click.echo("fs2od: the file that holds the token is readable by you alone now", err=True)
