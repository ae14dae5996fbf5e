"""How many files and connections the process may have open at once."""

from __future__ import annotations

import contextlib
import resource

__all__ = ["most_of_one_client", "open_as_many_as_allowed"]

_ENOUGH = 65_536


def open_as_many_as_allowed() -> None:
    """Raise the process's limit of open files as far as its user may, up to 65,536.

    A login's usual 1,024 are kept low for the sake of programs that use select(): we do not, and each client is one of them.
    """
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if most == resource.RLIM_INFINITY else min(most, _ENOUGH)
    if now == resource.RLIM_INFINITY or now >= wanted:
        return
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def most_of_one_client() -> int:
    """Return how many connections one address may hold: half of all, 32,768 as a rule.

    A thousand jobs behind one address have 8,000 and more; nobody alone is to keep all others out.
    """
    now, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (_ENOUGH if now == resource.RLIM_INFINITY else now) // 2
