"""When a token is about to end, whoever runs a command hears of it in time."""

from pathlib import Path

import pytest

from fs2od.cli.access import EndNotice
from fs2od.onedata.ids import TokenId
from fs2od.onedata.token_kinds import AccessToken as Access
from fs2od.onedata.token_kinds import Identifier, Named, Subject
from fs2od.onedata.tokens import Caveat, Time, create
from fs2od.transfer import AccessToken


def token_text(*caveats: Caveat) -> str:
    identifier = Identifier(Named(), Subject("user", "a" * 32), Access(), TokenId("b" * 32))
    return create("zone.example.org", identifier, b"k" * 32, caveats).reveal()


def test_it_is_said_once_a_quarter_of_an_hour_before(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(token_text(Time(10_000)))
    token = AccessToken(file.read_text, wait_s=1)
    notice = EndNotice(token)
    notice.look(1_000)
    assert not capsys.readouterr().err
    for now_s in (9_200, 9_201, 9_300, 9_400):
        notice.look(now_s)
    said = capsys.readouterr().err
    assert said.count("ends in 13 min") == 1
    assert file.read_text() not in said
    file.write_text(token_text(Time(20_000)))
    token.worked()
    token.renew(token.text(), lambda _: None)
    notice.look(10_000)
    assert not capsys.readouterr().err
    notice.look(19_500)
    assert "ends in" in capsys.readouterr().err


def test_a_token_without_an_end_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    text = token_text()
    EndNotice(AccessToken(lambda: text)).look(1e12)
    EndNotice(None).look(1e12)
    assert not capsys.readouterr().err
