"""A token goes to the zone that it is of, whatever --zone or FS2OD_ZONE says: elsewhere it would be given away."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from fs2od.cli.main import fs2od
from fs2od.errors import Fs2odError
from fs2od.onedata import tokens
from fs2od.onedata.ids import TokenId
from fs2od.onedata.tokens import AccessToken, Identifier, Named, Subject

OF_ZONE = tokens.create(
    "zone.test", Identifier(Named(), Subject("user", "b" * 32), AccessToken(), TokenId("c" * 32)), b"key"
)
COMMANDS = (
    "put FILE space", "share create space", "share list space", "invite create space", "invite list space", "use space",
    "qos list space", "distribution space", "transfer list space", "token list", "token show name", "token verify",
    "token create name", "token job space", "site list", "site add name", "support token space",
    "user list", "mirror space OUT", "stage out FOLDER space",
)  # fmt: skip


@pytest.fixture
def stranger() -> Iterator[socket.socket]:
    """Somebody who listens, and would learn what is sent."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


@pytest.mark.parametrize("words", COMMANDS)
def test_a_token_is_not_shown_to_another_zone(
    stranger: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    for name in [name for name in os.environ if name.startswith(("FS2OD_", "ONECLIENT_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("FS2OD_ZONE", f"https://127.0.0.1:{stranger.getsockname()[1]}")
    held, file = tmp_path / "job.token", tmp_path / "results" / "map.mrc"
    file.parent.mkdir()
    held.write_text(OF_ZONE.reveal())
    held.chmod(0o600)
    file.write_bytes(b"mine")
    given = [
        {"FILE": str(file), "FOLDER": str(file.parent), "OUT": str(tmp_path / "out")}.get(word, word)
        for word in words.split()
    ]
    done = CliRunner().invoke(fs2od, [*given, "--token-file", str(held)])
    assert isinstance(done.exception, Fs2odError), done.output
    assert done.exception.exit_code == 5
    assert "the access token is of zone.test, not of https://127.0.0.1:" in str(done.exception)
    with pytest.raises(BlockingIOError):
        stranger.accept()
