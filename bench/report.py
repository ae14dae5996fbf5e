"""The tables of a run, and their places in the documentation."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["PAGE", "Section", "median", "write"]

PAGE = Path(__file__).parent.parent / "docs" / "explanation" / "benchmarks.md"


@dataclass
class Section:
    """One table: what was measured, how, and a row for each case. `key` names its place on the page."""

    key: str
    title: str
    how: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def row(self, *cells: object) -> None:
        """Add a row and show it."""
        self.rows.append(tuple(str(cell) for cell in cells))
        print(" | ".join(self.rows[-1]), flush=True)

    def fill(self, found: Mapping[str, Iterable[object]]) -> None:
        """Add a row for each name, with what was found for it."""
        for name, cells in found.items():
            self.row(name, *cells)

    def text(self) -> str:
        """Return the section as Markdown."""
        lines = [
            f"## {self.title}",
            "",
            self.how,
            "",
            _line(self.columns),
            _line(["---"] + ["---:"] * (len(self.columns) - 1)),
            *map(_line, self.rows),
            "",
            f"Measured on {datetime.now(UTC):%d %B %Y}: {_machine()}.",
        ]
        return "\n".join(lines)


def median(values: Iterable[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def write(sections: Iterable[Section], page: Path = PAGE) -> None:
    """Put sections into their places on the page; a new one comes at the end."""
    text = page.read_text()
    for section in sections:
        begin, end = f"<!-- bench:{section.key} -->", f"<!-- /bench:{section.key} -->"
        block = f"{begin}\n{section.text()}\n{end}"
        if begin in text:
            before, _, rest = text.partition(begin)
            text = before + block + rest.partition(end)[2]
        else:
            text = f"{text.rstrip()}\n\n{block}\n"
    page.write_text(text)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _machine() -> str:
    load = os.getloadavg()[0]
    processors = os.cpu_count()
    return f"{processors} processors, Linux {platform.release().split('-')[0]}, Python {platform.python_version()}, load {load:.1f} at the end"
