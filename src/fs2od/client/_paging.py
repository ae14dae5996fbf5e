"""How far a listing has come, and that it does come to an end."""

from __future__ import annotations

from fs2od.onedata.errors import MalformedAnswer

__all__ = ["Pages"]

_MOST_EMPTY_PAGES = 100


class Pages:
    """The place in a listing: `token` asks for the next page, `ended` says that there is none."""

    def __init__(self) -> None:
        self.token: str | None = None
        self.ended = False
        self._empty = 0

    def turn(self, items: int, next_token: str | None, *, is_last: bool) -> None:
        """Go on after a page of `items`. An empty or a short page need not be the last.

        Raises:
            MalformedAnswer: The page is not the last, but leads to none, to itself, or to nothing for ever.
        """
        self.ended = is_last
        self._empty = 0 if items else self._empty + 1
        if not is_last and (not next_token or next_token == self.token or self._empty > _MOST_EMPTY_PAGES):
            raise MalformedAnswer("a listing does not come to an end")
        self.token = next_token
