"""How long a download waits for a service that is away, and goes on when it is back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fs2od.client import UntrustedCertificate
from fs2od.errors import Fs2odError
from fs2od.onedata.errors import Busy, ConnectionLost

__all__ = ["Patience", "may_pass"]

_LONGEST_OBEYED_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a file or a listing is taken up again when the service is away or its bytes break off.

    What the connection itself tries again, before the first byte of an answer, comes on top: together about a minute.

    Attributes:
        tries: The most tries in a row that bring next to nothing.
        first_pause_s: The pause after the first of them; it doubles with each further one.
        longest_pause_s: Where the doubling ends.
    """

    tries: int = 8
    first_pause_s: float = 0.5
    longest_pause_s: float = 15.0

    def pause_s(self, misses: int, cause: Fs2odError | None = None) -> float:
        """Return how long to wait after so many misses in a row, at least as long as the service asked for."""
        grown = min(self.first_pause_s * 2.0 ** (misses - 1), self.longest_pause_s) if misses else 0.0
        asked = (cause.retry_after_s or 0.0) if isinstance(cause, Busy) else 0.0
        return max(grown, min(asked, _LONGEST_OBEYED_S))


def may_pass(error: Fs2odError) -> bool:
    """Say whether the same request may succeed a little later."""
    return isinstance(error, ConnectionLost | Busy) and not isinstance(error, UntrustedCertificate)
