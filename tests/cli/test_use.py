"""`fs2od use`: by commands alone a dataset comes to a computing centre, as by the page's button."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.cli.test_site_commands import Shell

from fs2od.cli.main import fs2od
from fs2od.node.zone.offers import Offer
from fs2od.onedata import roles
from fs2od.onedata.errors import NotFound
from fs2od.testing.world import Dataset, Person, ServedWorld, Site, serve_world, wait_until

TB = 10**12
FILES = {"a.txt": b"1", "deep/b.txt": b"22"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ServedWorld]:
    with serve_world(tmp_path / "world") as opened:
        yield opened


@pytest.fixture
def olive(world: ServedWorld) -> Person:
    return world.person("Olive Example")


@pytest.fixture
def dataset(world: ServedWorld, olive: Person) -> Dataset:
    return world.dataset(olive, FILES, name="grid 7")


@pytest.fixture
def centre(world: ServedWorld) -> Site:
    site = world.site("centre")
    world.node.zone.offers.set(world.administrator.caller, site.node_provider.record.id, Offer(True, 10 * TB))
    return site


@pytest.fixture
def user(world: ServedWorld, tmp_path: Path, olive: Person) -> Shell:
    return Shell(world, tmp_path, olive)


def copied(user: Shell) -> bool:
    (there,) = user.json("use", "grid 7")["copies"] or [{"copiedFiles": 0}]
    return bool(there["copiedFiles"] == len(FILES))


def test_commands_alone_bring_a_dataset_to_a_site(
    world: ServedWorld, tmp_path: Path, user: Shell, dataset: Dataset, centre: Site
) -> None:
    operator = Shell(world, tmp_path, world.administrator)
    place = {"FS2OD_PROVIDER": centre.node_provider.record.url}
    assert "it is wanted at no other site" in user.run("use", "grid 7").output
    short = user.run("use", "grid 7", "--site", "centre")
    assert "centre lends it no storage yet: say how much to ask for" in str(short.exception)
    made = user.json("use", "grid 7", "--site", "centre", "--size", "2T", "--note", "soon")
    assert made["wanted"] is True
    (waiting,) = operator.json("support", "list", **place)
    assert (waiting["requestId"], waiting["size"], waiting["note"]) == (made["requestId"], 2 * TB, "soon")
    assert "centre: waits for storage" in user.run("use", "grid 7").output
    again = user.run("use", "grid 7", "--site", "centre", "--size", "2T")
    assert (again.exit_code, "copies begin as soon as" in again.output) == (0, True)
    (tmp_path / "disk").mkdir()
    storage = operator.json("storage", "add", "disk", "--posix", str(tmp_path / "disk"), **place)["id"]
    assert operator.run("support", "approve", made["requestId"], "--storage", storage, **place).exit_code == 0
    wait_until(lambda: copied(user), 60)
    assert (tmp_path / "disk" / dataset.space / "deep/b.txt").read_bytes() == b"22"
    assert "centre: 2 of 2 files" in user.run("use", "grid 7").output
    mary = world.person("Mary Example")
    world.join_space(dataset.space, mary, roles.OWNER_IN_SPACE)
    other = Shell(world, tmp_path, mary)
    assert "copies begin now" in other.run("use", "grid 7", "--site", "centre").output
    assert other.run("use", "grid 7").output.count("centre: ") == 1
    assert "others do, so it is copied on" in other.run("use", "grid 7", "--site", "centre", "--stop").output
    stopped = user.run("use", "grid 7", "--site", "centre", "--stop")
    assert "what was copied stays" in stopped.output
    assert user.json("use", "grid 7") == {"spaceId": dataset.space, "wishes": [], "copies": []}
    assert user.run("qos", "add", "grid 7", f"storageId={storage}").exit_code == 0
    assert user.run("use", "grid 7").stdout == "centre: 2 of 2 files, 3 B of 3 B\n", "also what is required otherwise"
    # What is lent already is enough to begin again.
    assert "copies begin now" in user.run("use", "grid 7", "--site", "centre").output


@pytest.mark.usefixtures("dataset")
def test_copies_begin_where_a_support_token_is_granted(
    world: ServedWorld, tmp_path: Path, user: Shell, centre: Site
) -> None:
    operator = Shell(world, tmp_path, world.administrator)
    place = {"FS2OD_PROVIDER": centre.node_provider.record.url}
    handed = user.run("use", "grid 7", "--support-token").stdout
    assert handed.strip().isalnum()
    assert "whichever site gives storage" in user.run("use", "grid 7").output
    (tmp_path / "disk").mkdir()
    storage = operator.json("storage", "add", "disk", "--posix", str(tmp_path / "disk"), **place)["id"]
    granted = operator.run("support", "grant", "--storage", storage, "--size", "5G", given=handed, **place)
    assert granted.exit_code == 0, granted.output
    wait_until(lambda: copied(user), 60)
    (wish,) = json.loads(user.run("use", "grid 7", "--json").stdout)["wishes"]
    assert wish["providerId"] == centre.node_provider.record.id


def test_a_site_that_became_the_home_is_said_to_be_it(world: ServedWorld, user: Shell, dataset: Dataset) -> None:
    site = world.site("odd")
    world.also_support(dataset.space, site.node_provider)
    assert user.run("use", "grid 7", "--site", "odd").exit_code == 0
    wait_until(lambda: copied(user), 60)
    world.node.provider.supports.end(dataset.space)
    said = user.run("use", "grid 7").output
    assert "odd: it is at home there, so nothing has to be copied" in said, said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--size", "5T"], "belong to --site"),
        (["--stop"], "belong to --site"),
        (["--site", "centre", "--stop", "--size", "1T"], "asks for nothing"),
        (["--support-token", "--site", "centre"], "is for any site"),
        (["--site", "centre", "--size", "much"], "a size is written as"),
    ],
)
def test_what_does_not_go_together_is_said(words: list[str], said: str) -> None:
    done = CliRunner().invoke(fs2od, ["use", "grid 7", *words])
    assert (done.exit_code, said in done.output) == (2, True)


@pytest.mark.usefixtures("dataset", "centre")
def test_what_cannot_be_is_said_in_one_line(world: ServedWorld, tmp_path: Path, user: Shell) -> None:
    nowhere = user.run("use", "grid 7", "--site", "nowhere", "--size", "1T").exception
    assert isinstance(nowhere, NotFound)
    assert "there is no site 'nowhere'" in str(nowhere)
    assert "grid 8" in str(user.run("use", "grid 8").exception)
    much = user.run("use", "grid 7", "--site", "centre", "--size", "50T")
    assert much.exit_code == 1
    assert user.json("use", "grid 7")["wishes"] == []
    stranger = Shell(world, tmp_path, world.person("Stranger"))
    assert stranger.run("use", "grid 7", "--site", "centre", "--size", "1T").exit_code == 1
