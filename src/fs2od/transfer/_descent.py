"""A way down through folders and back up, however deep: with few open handles, no long path, and through no link."""

from __future__ import annotations

from typing import Final

from fs2od.errors import StorageError
from fs2od.transfer._entries import Names, shown_path
from fs2od.transfer._folders import Folder

__all__ = ["Descent"]

_MOST_OPEN: Final = 32


class Descent:
    """Stands in a folder, from which one may go down into another and back up. Close it.

    Of the folders above, the nearest stay open; those farther up are found again by ".." and must be the same as before,
    or somebody has moved a folder meanwhile, and the way up leads out.

    Attributes:
        folder: The folder where one stands.
    """

    def __init__(self, top: Folder) -> None:
        """Begin in an open folder, which is closed with this."""
        self.folder = top
        self._names: list[str] = []
        self._above: list[tuple[tuple[int, int], Folder | None]] = []

    def path(self) -> Names:
        """Return the names that lead here from the top; it costs as much as the way is long."""
        return tuple(self._names)

    def down(self, name: str) -> None:
        """Go into a folder.

        Raises:
            OSError: It cannot be opened, or is none.
        """
        below = self.folder.below(name)
        self._above.append((self.folder.identity(), self.folder))
        self._names.append(name)
        self.folder = below
        if len(self._above) > _MOST_OPEN:
            identity, far = self._above[-1 - _MOST_OPEN]
            if far is not None:
                far.close()
            self._above[-1 - _MOST_OPEN] = (identity, None)

    def up(self) -> str:
        """Go back to the folder above, and return the name of the one that is left.

        Raises:
            OSError: It cannot be opened.
            StorageError: It is another one by now.
        """
        identity, above = self._above[-1]
        if above is None:
            above = self.folder.above()
            if above.identity() != identity:
                above.close()
                raise StorageError(f"{shown_path(self.path())} was moved meanwhile: run the same command again")
        self._above.pop()
        self.folder.close()
        self.folder = above
        return self._names.pop()

    def close(self) -> None:
        """Close everything."""
        self.folder.close()
        for _, above in self._above:
            if above is not None:
                above.close()
