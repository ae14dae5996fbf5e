"""How far a command has come, on a terminal: files, bytes, rate and time left."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn

__all__ = ["Far", "drawn", "progress_bar"]


class Far(Protocol):
    """What can be shown. `rate` is in bytes per second; totals still grow while it is not `listed`; `left_s` None: nobody knows."""

    @property
    def files_done(self) -> int: ...  # noqa: D102 - the class says it
    @property
    def files_total(self) -> int: ...  # noqa: D102 - the class says it
    @property
    def bytes_done(self) -> int: ...  # noqa: D102 - the class says it
    @property
    def bytes_total(self) -> int: ...  # noqa: D102 - the class says it
    @property
    def rate(self) -> float: ...  # noqa: D102 - the class says it
    @property
    def left_s(self) -> float | None: ...  # noqa: D102 - the class says it
    @property
    def listed(self) -> bool: ...  # noqa: D102 - the class says it


@contextmanager
def drawn(*columns: ProgressColumn) -> Iterator[Progress]:
    """Yield a bar on standard error that goes away at its end, and leaves the terminal its cursor."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        # A process that is suspended or killed meanwhile would leave a terminal without.
        console.show_cursor()
        yield bar


@contextmanager
def progress_bar(beginning: str) -> Iterator[Callable[[Far], None] | None]:
    """Yield what draws the progress on a terminal's standard error; None elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich import progress as bars

    from fs2od.transfer import readable_duration, readable_size

    columns = (
        bars.TextColumn("{task.fields[files]}"),
        bars.BarColumn(),
        bars.DownloadColumn(),
        bars.TextColumn("{task.fields[rate]}"),
    )
    with drawn(*columns) as bar:
        task = bar.add_task("bytes", total=None, files=beginning, rate="")

        def draw(far: Far) -> None:
            more = "" if far.listed else "+"
            files = f"{far.files_done:,} of {far.files_total:,}{more} files"
            left = "" if far.left_s is None else f", {readable_duration(far.left_s)} left"
            rate = f"{readable_size(int(far.rate))}/s{left}"
            bar.update(task, completed=far.bytes_done, total=far.bytes_total, files=files, rate=rate)

        yield draw
