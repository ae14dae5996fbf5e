"""Import one folder into a new index three times, in a process of its own whose memory is measured.

Usage: python -m bench.import_once FOLDER STATE. Prints JSON: seconds of each scan, files, peak memory in MB.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from fs2od.node.apps import provider_app
from fs2od.node.index import Indexes
from fs2od.node.panel.scanning import Counts, ScanRules, scan
from fs2od.node.serving import serve

# The whole node is loaded, as where it runs.
from fs2od.node.settings import NodeSettings
from fs2od.onedata.ids import SpaceId
from fs2od.storage import PosixStorage

LOADED = (NodeSettings, provider_app, serve)


class Clock:
    """A clock that can be put forward, so that folders become quiet."""

    def __init__(self) -> None:
        self.ahead_s = 0

    def now_s(self) -> int:
        """Return the seconds since 1970."""
        return int(time.time()) + self.ahead_s

    def now(self) -> datetime:
        """Return the moment."""
        return datetime.fromtimestamp(self.now_s(), UTC)


def main() -> None:
    folder, state = Path(sys.argv[1]), Path(sys.argv[2])
    rules = ScanRules(file_mode=0o664, directory_mode=0o775, excluded_names=frozenset({"fs2od-access.yml"}))
    indexes, clock = Indexes(state, limit=1), Clock()
    seconds: list[float] = []
    counts = Counts()
    watch = Watch()
    watch.start()
    with indexes.using(SpaceId("a" * 32)) as index:
        for number in (1, 2, 3):
            counts = Counts()
            began = time.perf_counter()
            scan(
                index,
                PosixStorage(folder),
                number=number,
                rules=rules,
                counts=counts,
                stop=threading.Event(),
                clock=clock,
            )
            seconds.append(time.perf_counter() - began)
            clock.ahead_s += rules.quiet_s
    indexes.close()
    watch.ended.set()
    watch.join()
    print(json.dumps({"seconds": seconds, "entries": counts.unmodified, "peak_mb": peak_mb("self") + watch.peak_mb}))


class Watch(threading.Thread):
    """Follows the peak of the process that looks at files while it lives."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.ended = threading.Event()
        self.peak_mb = 0.0

    def run(self) -> None:
        """Look ten times a second."""
        while not self.ended.wait(0.1):
            for task in Path("/proc/self/task").iterdir():
                with contextlib.suppress(OSError, StopIteration):
                    for child in (task / "children").read_text().split():
                        # Before it is that program, it shows this one's memory.
                        if b"_posix_looking" in Path(f"/proc/{child}/cmdline").read_bytes():
                            self.peak_mb = max(self.peak_mb, peak_mb(child))


def peak_mb(process: str) -> float:
    """Return a process's own peak: what getrusage tells begins with that of the process that started it."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024


main()
