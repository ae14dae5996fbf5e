"""Run the benchmarks side by side with what people would use instead, and write the tables anew.

Usage: python bench [NAME...] [--quick]. Without names all run; --quick takes smaller cases and writes nothing.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

# `python bench` puts this folder on the path, `python -m bench` the one above; the modules are bench.* in both.
sys.path.insert(0, str(Path(__file__).parent.parent))

from bench import content, downloads, facility, imports, mirrors, mounts, pages, replication, report, sharing

BENCHES: dict[str, Callable[..., Iterable[report.Section]]] = {
    "imports": imports.measure,
    "content": content.measure,
    "facility": facility.measure,
    "pages": pages.measure,
    "downloads": downloads.measure,
    "sharing": sharing.measure,
    "mounts": mounts.measure,
    "mirrors": mirrors.measure,
    "replication": replication.measure,
}


def main() -> None:
    # What is mounted or started for a benchmark goes away with it, also when it is told to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(BENCHES)}")
    parser.add_argument("--quick", action="store_true", help="smaller cases; write nothing")
    chosen = parser.parse_args()
    unknown = set(chosen.names) - set(BENCHES)
    if unknown:
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    for name in chosen.names or BENCHES:
        with tempfile.TemporaryDirectory(prefix="fs2od-bench-") as folder:
            for section in BENCHES[name](Path(folder), quick=chosen.quick):
                # At once: a run that is broken off keeps what it has measured.
                if not chosen.quick:
                    report.write([section])


main()
