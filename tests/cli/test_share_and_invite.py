"""`fs2od share` and `fs2od invite`: results shown and people let in from the command line."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from fs2od.testing.world import Dataset, Person, ServedWorld, serve_world


class Desk:
    """Somebody at a terminal, with a token in a file and results in a space."""

    def __init__(self, world: ServedWorld, folder: Path) -> None:
        self.world = world
        self.alex = world.person()
        self.dataset: Dataset = world.results(self.alex)
        where = world.node.provider.writing.places.below(
            self.alex.caller, self.dataset.root, ["run 3", "a.star"], with_parents=True
        )
        world.node.provider.writing.make_file(where, [b"a"], mode=0o664)
        self.token_file = folder / "me.token"
        self.token_file.write_text(self.alex.token.reveal())

    def run(self, *arguments: str) -> tuple[int, str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("FS2OD_", "ONECLIENT_"))}
        zone = ["--zone", self.world.node.settings.zone_url, "--ca", str(self.world.ca)]
        command = [sys.executable, "-m", "fs2od", *arguments, *zone, "--token-file", str(self.token_file)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False, env=clean)
        assert self.alex.token.reveal() not in done.stdout + done.stderr
        return done.returncode, done.stdout.strip(), done.stderr.strip()

    def get(self, path: str) -> httpx.Response:
        context = ssl.create_default_context(cafile=str(self.world.ca))
        return httpx.get(f"{self.world.node.settings.zone_url}{path}", verify=context)

    def join(self, person: Person, token: str) -> None:
        context = ssl.create_default_context(cafile=str(self.world.ca))
        url = f"{self.world.node.settings.zone_url}/api/v3/onezone/user/spaces/join"
        httpx.post(url, json={"token": token}, headers=person.headers, verify=context).raise_for_status()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with serve_world(tmp_path / "world") as world:
        yield Desk(world, tmp_path)


def test_a_link_is_made_listed_and_ended(desk: Desk) -> None:
    code, link, said = desk.run("share", "create", "results/run 3", "--label", "for us", "--valid-for", "2d")
    assert code == 0, said
    path = link.removeprefix(desk.world.node.settings.zone_url)
    public = f"/api/v3/onezone/shares/{path.removeprefix('/share/')}/public"
    assert desk.get(public).json()["name"] == "run 3"
    code, listed, said = desk.run("share", "list", "results", "--json")
    assert code == 0, said
    (found,) = json.loads(listed)
    assert (found["link"], found["label"], found["audience"]) == (link, "for us", "public")
    code, _, said = desk.run("share", "end", link)
    assert (code, said) == (0, "the link has ended")
    assert desk.get(public).status_code == 404
    assert desk.run("share", "list", "results")[:2] == (0, "")
    code, _, said = desk.run("share", "create", "results/none")
    assert (code, said) == (6, "fs2od: there is nothing at results/none")


def test_an_invite_lets_people_in_until_it_is_ended(desk: Desk) -> None:
    blair = desk.world.person("Blair Example")
    words = (
        "invite",
        "create",
        "results",
        "--label",
        "review",
        "--uses",
        "2",
        "--valid-for",
        "12h",
        "--write",
        "--json",
    )
    code, made, said = desk.run(*words)
    assert code == 0, said
    invite = json.loads(made)
    base, _, token = invite["link"].partition("#")
    assert base == f"{desk.world.node.settings.zone_url}/join"
    desk.join(blair, token)
    held = desk.world.node.zone.rights.space_privileges(blair.id, desk.dataset.space)
    assert set(held or ()) == {"space_view", "space_read_data", "space_write_data"}
    code, listed, _ = desk.run("invite", "list", "results")
    assert (code, invite["inviteId"] in listed, "used 1 of 2" in listed, "review" in listed) == (0, True, True, True)
    assert token not in listed
    code, _, said = desk.run("invite", "end", invite["inviteId"], "--memberships")
    assert (code, said) == (0, "the invite has ended, and 1 memberships with it")
    assert desk.world.node.zone.rights.space_privileges(blair.id, desk.dataset.space) is None
    assert desk.run("invite", "end", invite["inviteId"][::-1])[0] == 6
