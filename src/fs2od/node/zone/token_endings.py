"""Access tokens about to end, so that whoever has a job running with one hears of it: the job itself may have nothing to say it with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from fs2od.node.clock import Clock
from fs2od.onedata.ids import SpaceId, TokenId, UserId
from fs2od.onedata.tokens import Caveat, DataPath, caveats_from_json
from fs2od.sqlite import Database

__all__ = ["EndingToken", "TokenEndings", "letter_key"]

_DAY_S = 86_400
# Those that last a day or less were made by who has them before their eyes. Of the others one hears in the last quarter of their
# time, a day before their end at the earliest, unless there is a letter already. Nobody is written to who has no address.
_DUE = """
SELECT id, user, name, caveats, until_s FROM (
    SELECT token.id, token.user, token.name, token.caveats, token.created, (
        SELECT min(json_extract(caveat.value, '$.validUntil')) FROM json_each(token.caveats) AS caveat
        WHERE json_extract(caveat.value, '$.type') = 'time'
    ) AS until_s
    FROM named_token AS token JOIN user ON user.id = token.user
    WHERE NOT token.revoked AND token.identifier LIKE '%/act/%' AND NOT user.blocked AND user.emails != '[]'
) AS ending
WHERE until_s > :now AND until_s - created > :day AND until_s - min(:day, (until_s - created) / 4) <= :now
    AND NOT EXISTS (SELECT 1 FROM mail_letters WHERE key = :prefix || ending.id)
ORDER BY until_s, id LIMIT :most
"""
_PREFIX = "token-ending/"
_MOST = 100


@dataclass(frozen=True)
class EndingToken:
    """A token that ends soon; `spaces` are those that it is confined to, in its order, if it is."""

    id: TokenId
    user: UserId
    name: str
    until_s: int
    spaces: tuple[SpaceId, ...]


class TokenEndings:
    """Finds them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def due(self) -> list[EndingToken]:
        """Return tokens whose owners should hear now that they end; of each that has a letter nobody hears again."""
        given = {"now": self._clock.now_s(), "day": _DAY_S, "prefix": _PREFIX, "most": _MOST}
        with self._database.reading() as db:
            rows = db.execute(_DUE, given).fetchall()
        return [
            EndingToken(
                TokenId(row["id"]),
                UserId(row["user"]),
                row["name"],
                row["until_s"],
                _spaces(caveats_from_json(json.loads(row["caveats"]))),
            )
            for row in rows
        ]


def letter_key(token: TokenId) -> str:
    """Return the key of the one letter about a token's end."""
    return f"{_PREFIX}{token}"


def _spaces(caveats: Sequence[Caveat]) -> tuple[SpaceId, ...]:
    paths = next((caveat.paths for caveat in caveats if isinstance(caveat, DataPath)), ())
    return tuple(SpaceId(path.split("/")[1]) for path in paths if path.startswith("/"))
