"""The downloader as one file, for machines where nothing may be installed: made from the very modules of this package."""

from __future__ import annotations

import importlib
from functools import lru_cache
from typing import Callable, Final

__all__ = ["bundle"]

_MODULES: Final = ("fs2od.errors", "fs2od.output", "fs2od.reaching", "fs2od.stopping", "fs2od.trust")
_PACKAGES: Final = ("fs2od.manifests", "fs2od.transfer")
# What only programs ask of the package: to get.py it would be a longer way through a pipe, and a later start.
_LEFT_OUT: Final = frozenset(
    f"fs2od.transfer.{name}"
    for name in (
        "_bundle",
        "_crew",
        "_descent",
        "_doubts",
        "_extras",
        "_kept_ledger",
        "_mirror",
        "_removal",
        "_signing_in",
        "_steady",
    )
)
_NOTHING_MORE: Final = {"fs2od": "fs2od, as far as a download needs it.", "fs2od.transfer": "The engine of a download."}
_HEAD: Final = '''\
#!/usr/bin/env python3
# -*- coding: utf-8 -*-
"""Brings a shared dataset to this disk, whole and intact, with Python 3.8 or later and nothing else.

    curl -fsS https://ZONE/get.py | python3 - https://ZONE/share/ID [FOLDER]

The same command goes on after any interruption. `python3 get.py --help` lists the options.
This file was made from the sources of fs2od (Apache-2.0), which follow as they are.
"""

import sys


if sys.version_info < (3, 8):
    said = "get.py: this needs Python 3.8 or later; %s is %s\\n"
    sys.stderr.write(said % (sys.executable, sys.version.split()[0]))
    sys.exit(3)

SOURCES = {}
'''
_TAIL: Final = '''

# Where this file came from.
ORIGIN = None

# What runs these sources. It is a text because it may have to start them again, when this file came through a pipe.
BOOT = r"""
import importlib.machinery
import os


class Sources:
    # Finds and loads the modules of this file. It has no base class of importlib.abc, for to import that costs a tenth of the start.

    def find_spec(self, name, path=None, target=None):
        if name not in SOURCES:
            return None
        is_package = any(other.startswith(name + ".") for other in SOURCES)
        return importlib.machinery.ModuleSpec(name, self, origin=name, is_package=is_package)

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        name = module.__spec__.name
        exec(compile(SOURCES[name], name, "exec", dont_inherit=True), module.__dict__)

    def get_source(self, name):
        return SOURCES[name]


def give_up(why):
    sys.stderr.write("get.py: " + why + "\\n")
    sys.exit(3)


def start_in_utf8():
    # In a locale such as en_US.ISO-8859-1 names would become other bytes than those that they are, or none at all.
    words = getattr(sys, "orig_argv", [sys.executable] + sys.argv)[1:]
    try:
        if sys.argv[0] == "-":
            import tempfile

            with tempfile.TemporaryFile() as program:
                told = "import sys\\nSOURCES = %a\\nORIGIN = %a\\nBOOT = %a\\nexec(BOOT)\\n" % (SOURCES, ORIGIN, BOOT)
                program.write(told.encode())
                program.seek(0)
                os.dup2(program.fileno(), 0)
        os.execv(sys.executable, [sys.executable, "-X", "utf8"] + words)
    except (OSError, ValueError):
        give_up("names cannot be written as they are in this locale: set PYTHONUTF8=1 before python3")


if __name__ == "__main__":
    if sys.getfilesystemencoding() != "utf-8" and not sys.flags.utf8_mode:
        start_in_utf8()
    # Before any fs2od that is installed here: these sources belong together.
    sys.meta_path.insert(0, Sources())
    try:
        from fs2od.reaching import reaching

        begun = reaching(next((word for word in sys.argv[1:] if word.startswith("https://")), ""), os.environ)
        begun.__enter__()  # until the process ends
        from fs2od.transfer._script import main
    except ImportError as error:
        give_up("%s lacks a module that this needs, %s: use another Python 3" % (sys.executable, error.name))
    except KeyboardInterrupt:
        sys.exit(130)

    sys.exit(main(sys.argv[1:], origin=ORIGIN))
"""

exec(BOOT)
'''


@lru_cache(maxsize=None)
def bundle(origin: str | None = None) -> str:
    """Return the text of `get.py`: one Python file that downloads a share, with the same engine as the command.

    Args:
        origin: The zone that serves it: where it is to be had again, and the zone of spaces for tokens of that zone.

    Raises:
        ImportError: The package's sources are not at hand.
    """
    tail = _TAIL.replace("ORIGIN = None", f"ORIGIN = {origin!r}")
    return _HEAD + "".join(_embedded(name, source) for name, source in _sources().items()) + tail


def _sources() -> dict[str, str]:
    import pkgutil  # noqa: PLC0415 - only a node makes the file, and every download would wait for it

    found = {name: f'"""{said}"""\n' for name, said in _NOTHING_MORE.items()}
    found.update((name, _source(name)) for name in _MODULES)
    for package in _PACKAGES:
        found.setdefault(package, _source(package))
        path = importlib.import_module(package).__path__
        names = {f"{package}.{each.name}" for each in pkgutil.iter_modules(path)} - _LEFT_OUT
        found.update((name, _source(name)) for name in sorted(names))
    return found


def _source(name: str) -> str:
    spec = importlib.import_module(name).__spec__
    # A loader of importlib.abc.InspectLoader; to import that costs every download a tenth of its start.
    get_source: Callable[[str], str | None] | None = getattr(spec and spec.loader, "get_source", None)
    source = get_source(name) if get_source is not None else None
    if source is None:
        raise ImportError(f"the source of {name} is not at hand")
    return source


def _embedded(name: str, source: str) -> str:
    """Return a line of Python that holds a source so that people can read it, whatever stands in it."""
    plain = "'''" not in source and not source.endswith("'") and "\r" not in source
    text = f"r'''{source}'''" if plain else repr(source)
    return f"\nSOURCES[{name!r}] = {text}\n"
