"""Tokens as people paste them."""

from __future__ import annotations

import pytest

from fs2od.onedata.errors import MalformedAnswer, ServiceError
from fs2od.onedata.pasted import pasted
from fs2od.onedata.wire import TokenDocument, read_answer, read_request

TOKEN = "MDAxY2xvY2F00aW9uIHpvbmUudGVzdAow"


@pytest.mark.parametrize(
    "text",
    [
        f" {TOKEN}\n",
        f"\t{TOKEN[:10]}\r\n{TOKEN[10:]}\r\n",
        f"{TOKEN[:10]} {TOKEN[10:]}",
        f'"{TOKEN}"',
        f"'{TOKEN}'",
        f"“{TOKEN}”",
        f"„{TOKEN}“",
        f"`{TOKEN}`",
        f"<{TOKEN}>",
        f"({TOKEN}).",
        f"> {TOKEN[:10]}\n> {TOKEN[10:]}\n",
        f">> {TOKEN}",
        f"{TOKEN[:10]}=\r\n{TOKEN[10:]}",
        f"{TOKEN[:10]}\\\n{TOKEN[10:]}",
        f"\ufeff{TOKEN[:5]}\u200b{TOKEN[5:]}\u00a0",
        f"{TOKEN[:5]}\u00ad{TOKEN[5:]}",
        f"https://zone.test/join#{TOKEN}",
        f"  <https://zone.test:8443/join#{TOKEN}>\n",
    ],
)
def test_a_token_with_what_stuck_to_it_is_understood(text: str) -> None:
    assert pasted(text).reveal() == TOKEN


@pytest.mark.parametrize(
    "text", ["", " \n", "''", f"{TOKEN}_", f"{TOKEN[:9]}-{TOKEN[9:]}", f"{TOKEN}é", "A" * (3 << 20)]
)
def test_a_typing_error_stays_one(text: str) -> None:
    with pytest.raises(ServiceError) as caught:
        pasted(text)
    assert caught.value.error_id == "badToken"
    assert "A" * 40 not in str(caught.value)


def test_requests_may_hold_pasted_tokens_and_answers_may_not() -> None:
    body = b'{"token": " %s\\n"}' % TOKEN.encode()
    assert read_request(body, TokenDocument).token.reveal() == TOKEN
    with pytest.raises(MalformedAnswer):
        read_answer(body, TokenDocument)
