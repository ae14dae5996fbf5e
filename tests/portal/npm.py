"""Packages from npm that tests need: installed once, below a folder that git ignores."""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_INSTALL_WITHIN_S = 150


def installed(here: Path) -> Path:
    """Return where the packages lie that a folder's package-lock.json names; the first call installs them."""
    lock = here / "package-lock.json"
    folder = ROOT / ".fs2od" / f"{here.name}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            for name in ("package.json", "package-lock.json"):
                (folder / name).write_bytes((here / name).read_bytes())
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(folder)]
            subprocess.run(command, check=True, timeout=_INSTALL_WITHIN_S, capture_output=True)
            (folder / "ready").touch()
    return folder / "node_modules"
