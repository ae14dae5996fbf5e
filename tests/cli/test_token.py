"""`fs2od token`: made, narrowed, looked at and ended from the command line, never through its arguments."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fs2od.kept_tokens import KeptTokens
from fs2od.onedata import tokens
from fs2od.onedata.ids import TokenId
from fs2od.onedata.tokens import (
    AccessToken,
    Caveat,
    DataPath,
    DataReadonly,
    GeoCountry,
    Identifier,
    InviteToken,
    InviteType,
    Ip,
    Named,
    Subject,
    Time,
    Token,
)
from fs2od.testing.world import Person, ServedWorld, serve_world

SPACE = "a" * 32
KEY = b"key"
OFFLINE = tokens.create(
    "zone.test", Identifier(Named(), Subject("user", "b" * 32), AccessToken(), TokenId("c" * 32)), KEY
)


def fs2od(
    *arguments: str, given: str | None = None, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("FS2OD_", "ONECLIENT_"))}
    return subprocess.run(
        [sys.executable, "-m", "fs2od", "token", *arguments],
        input=given or "",
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        env=clean | (environment or {}),
    )


class Desk:
    """Somebody at a terminal, with a token in a file, before a running node."""

    def __init__(self, world: ServedWorld, folder: Path) -> None:
        self.world = world
        self.alex: Person = world.person()
        self.file = folder / "alex.token"
        self.file.write_text(f"  '{self.alex.token.reveal()}'\n")
        self.environment = {"FS2OD_ZONE": world.node.settings.zone_url, "FS2OD_CA": str(world.ca)}

    def run(self, *arguments: str, code: int = 0) -> str:
        done = fs2od(*arguments, "--token-file", str(self.file), environment=self.environment)
        assert done.returncode == code, done.stderr
        assert self.alex.token.reveal() not in done.stderr
        return done.stdout if not code else done.stderr


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    with serve_world(folder / "world") as world:
        yield Desk(world, folder)


def caveats(text: str) -> tuple[Caveat, ...]:
    return tokens.examine(Token(text.strip())).caveats


def test_a_token_lives_from_making_to_deleting(desk: Desk) -> None:
    made = json.loads(desk.run("create", "laptop", "--readonly", "--valid-for", "1h", "--json"))
    (until, readonly) = sorted(caveats(made["token"]), key=lambda each: not isinstance(each, Time))
    assert readonly == DataReadonly()
    assert isinstance(until, Time)
    assert 3500 < until.valid_until_s - time.time() <= 3600
    listed = {each["name"]: each for each in json.loads(desk.run("list", "--json"))}
    assert listed["laptop"]["id"] == made["tokenId"]
    assert made["token"] not in desk.run("list")
    assert made["token"] not in desk.run("show", "laptop")
    assert made["token"] in desk.run("show", made["tokenId"], "--reveal")
    desk.run("revoke", "laptop")
    assert json.loads(desk.run("show", "laptop", "--json"))["revoked"] is True
    refused = fs2od("verify", given=made["token"], environment=desk.environment)
    assert refused.returncode == 4
    assert "revoked" in refused.stderr
    desk.run("unrevoke", "laptop")
    verified = fs2od("verify", "--json", given=made["token"], environment=desk.environment)
    assert json.loads(verified.stdout)["subject"] == {"type": "user", "id": desk.alex.id}
    desk.run("delete", "laptop")
    assert "could not be found" in desk.run("show", "laptop", code=6)


def test_invites_and_identities_are_made_and_verified_too(desk: Desk) -> None:
    group = desk.world.group(desk.alex)
    made = desk.run(
        "create", "guests", "--invite", "userJoinGroup", "--target", group, "--uses", "3", "--valid-for", "30d"
    )
    kind = tokens.examine(Token(made.strip())).identifier.kind
    assert kind == InviteToken(InviteType.USER_JOIN_GROUP, group)
    assert json.loads(desk.run("show", "guests", "--json"))["usageLimit"] == 3
    identity = desk.run("create", "me", "--identity")
    temporary = desk.run("create", "soon over", "--temporary", "--valid-for", "5min")
    for shown in (made, identity, temporary):
        done = fs2od("verify", given=shown, environment=desk.environment)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("variable", ["FS2OD_TOKEN", "ONECLIENT_ACCESS_TOKEN"])
def test_a_token_comes_from_the_environment(desk: Desk, variable: str) -> None:
    environment = desk.environment | {variable: desk.alex.token.reveal()}
    assert fs2od("list", environment=environment).returncode == 0


def test_a_token_comes_from_the_file_that_the_environment_names(desk: Desk) -> None:
    environment = desk.environment | {"FS2OD_TOKEN_FILE": str(desk.file)}
    done = fs2od("list", environment=environment)
    assert done.returncode == 0, done.stderr


def test_the_token_of_a_login_counts_without_a_terminal_too_and_is_never_taken_for_one_that_is_meant(
    desk: Desk, tmp_path: Path
) -> None:
    environment = desk.environment | {"XDG_CONFIG_HOME": str(tmp_path)}
    kept = KeptTokens.of(environment)
    kept.keep(desk.environment["FS2OD_ZONE"], desk.alex.token.reveal(), in_keyring=False)
    done = fs2od("list", environment=environment)
    assert done.returncode == 0, done.stderr
    for verb in (["examine"], ["confine", "--readonly"], ["verify"]):
        assert fs2od(*verb, environment=environment).returncode == 3


def test_narrowing_works_without_a_network_and_holds() -> None:
    done = fs2od(
        "confine",
        "--path",
        f"{SPACE}/grid 2/",
        "--ip",
        "192.0.2.0/24",
        "--country",
        "cz",
        given=f"> {OFFLINE.reveal()}\n",
    )
    assert done.returncode == 0, done.stderr
    assert caveats(done.stdout) == (
        DataPath((f"/{SPACE}/grid 2",)),
        Ip(("192.0.2.0/24",)),
        GeoCountry("whitelist", ("CZ",)),
    )
    narrowed = fs2od("confine", "--until", "2026-12-31T00:00+00:00", given=done.stdout)
    said = json.loads(fs2od("examine", "--json", given=narrowed.stdout).stdout)
    assert [each["type"] for each in said["caveats"]] == ["data.path", "ip", "geo.country", "time"]
    assert said["caveats"][-1]["validUntil"] == 1798675200
    assert said["id"] == "c" * 32


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["confine"], "how to narrow"),
        (["confine", "--valid-for", "soon"], "such as 90min"),
        (["confine", "--valid-for", "0h"], "such as 90min"),
        (["confine", "--until", "tomorrow"], "such as 2026-12-31"),
        (["confine", "--ip", "the office"], "type ip"),
        (["confine", "--path", "../etc"], "type data.path"),
        (["confine", "--region", "Bohemia"], "type geo.region"),
        (["create", "x", "--invite", "userJoinGroup", "--zone", "https://zone.test"], "go together"),
        (["create", "x", "--uses", "3", "--zone", "https://zone.test"], "named invites"),
        (["create", "x", OFFLINE.reveal(), "--zone", "https://zone.test"], "unexpected extra argument"),
        (["list"], "--zone"),
    ],
)
def test_wrong_usage_is_told_with_code_2(arguments: list[str], said: str) -> None:
    done = fs2od(*arguments, given=OFFLINE.reveal())
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_no_token_is_told_without_repeating_it() -> None:
    for given in ("", "no-token-at-all", OFFLINE.reveal()[:-7]):
        done = fs2od("examine", given=given)
        assert done.returncode in (3, 4)
        assert "Traceback" not in done.stderr
        assert not given or given not in done.stderr


@pytest.mark.parametrize("verb", [["examine"], ["confine", "--readonly"], ["verify", "--zone", "https://nowhere.test"]])
@pytest.mark.parametrize("given", ["", "no token", OFFLINE.reveal()[:-9]])
def test_what_is_no_token_is_the_user_s_mistake_and_no_network_s(verb: list[str], given: str) -> None:
    done = fs2od(*verb, given=given)
    assert done.returncode == 3, done.stderr
    assert "is no token: a part of it may be missing" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("before", "after"), [(0o644, 0o600), (0o660, 0o600), (0o600, 0o600)])
def test_the_file_that_a_token_is_printed_into_is_its_owners_alone(tmp_path: Path, before: int, after: int) -> None:
    made = tmp_path / "job.token"
    made.touch()
    made.chmod(before)
    with made.open("w") as file:
        done = subprocess.run(
            [sys.executable, "-m", "fs2od", "token", "confine", "--valid-for", "1h"],
            input=OFFLINE.reveal(),
            stdout=file,
            stderr=subprocess.PIPE,
            text=True,
            timeout=90,
            check=True,
        )
    assert made.stat().st_mode & 0o777 == after
    assert ("readable by you alone now" in done.stderr) == (before != after)
    assert made.read_text().strip()
