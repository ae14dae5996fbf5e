"""Where a symbolic link leads, judged without following it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

_MOST_LINKS = 40


def leaves_tree(path: str, target: str, target_of: Callable[[str], str | None]) -> bool:
    """Say whether a link leads out of the tree that its path is relative to.

    An absolute target leaves it by definition, for it means another place on every other machine. A link that leads
    nowhere, or round in a circle, stays inside: it is delivered as the link that it is.

    Args:
        path: Where the link lies.
        target: What it says.
        target_of: Returns what another link of the tree says, or None for what is no link or not there: ".." after a
            link goes up from where that link leads to, not from where it lies.
    """
    at = path.split("/")[:-1]
    ahead = deque(target.split("/"))
    links = 0
    if target.startswith("/"):
        return True
    while ahead:
        name = ahead.popleft()
        if name == "..":
            if not at:
                return True
            at.pop()
        elif name not in ("", "."):
            further = target_of("/".join([*at, name]))
            if further is None:
                at.append(name)
                continue
            links += 1
            if further.startswith("/"):
                return True
            if links > _MOST_LINKS:
                return False
            ahead.extendleft(reversed(further.split("/")))
    return False
