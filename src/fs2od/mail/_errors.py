"""What can be wrong with a letter before any server has seen it."""

from fs2od.errors import Fs2odError

__all__ = ["LetterError"]


class LetterError(Fs2odError):
    """A letter cannot be made from these values: the sentence names which value, never what stands in it."""
