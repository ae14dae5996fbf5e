"""What every page of signing in may have to say, whether or not providers of identities are configured."""

from __future__ import annotations

from fs2od.errors import Fs2odError

__all__ = ["IdentityRefused"]


class IdentityRefused(Fs2odError):
    """The provider of identities did not say who this is, or not so that it can be believed. One sentence for the person."""

    exit_code = 5

    @property
    def said(self) -> str:
        """The sentence, which can be said in the reader's language."""
        return str(self) if not self.args else self.args[0]
