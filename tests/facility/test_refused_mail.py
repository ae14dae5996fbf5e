"""Letters that the mail server refuses for good: the dataset needs somebody until whom it is for has been reached."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from aiosmtpd.smtp import SMTP
from click.testing import CliRunner
from tests.facility.conftest import METADATA, World
from tests.facility.test_onboarding import NAME
from tests.mail.test_smtp import Desk, Server

from fs2od.cli.main import fs2od
from fs2od.configuration import Configuration
from fs2od.facility import DatasetRow, Datasets, Facility
from fs2od.mail import Outbox

ALEX, RIGHT, ARCHIVE = "alex@example.org", "alexa@example.org", "archive@example.org"
UNKNOWN = "550 5.1.1 there is nobody of that name"


@pytest.fixture
def desk() -> Desk:
    return Desk(to_recipient={ALEX: UNKNOWN})


@pytest.fixture
def server(desk: Desk) -> Iterator[Server]:
    started = Server(lambda: SMTP(desk, hostname="mail.example.org"))
    yield started
    started.stop()


def facility(world: World, server: Server, **mail: object) -> Facility:
    smtp = {"host": "127.0.0.1", "port": server.port, "security": "plain"}
    configuration: Configuration = world.configuration(mail={"transport": "smtp", "smtp": smtp, **mail})
    return world.facility(configuration=configuration)


def taken(desk: Desk) -> list[tuple[str, ...]]:
    return [tuple(each.rcpt_tos) for each in desk.taken]


def needed(world: World) -> DatasetRow:
    row = world.rows()[NAME]
    assert (row.state, row.only_mail_stuck) == ("needs you", True)
    return row


async def test_an_experimenter_who_is_refused_needs_the_operator_until_the_address_is_corrected(
    world: World, desk: Desk, server: Server
) -> None:
    folder = world.dataset(running=True)
    async with facility(world, server, to=(f"The archive <{ARCHIVE}>",)).opened() as one_pass:
        await world.until(one_pass, world.is_in("needs you", NAME))
        row = needed(world)
        assert f"{ALEX} ({UNKNOWN})" in row.stuck
        assert "correct the address in the metadata file" in row.stuck
        assert [(each.address, each.said) for each in row.unreached] == [(ALEX, UNKNOWN)]
        assert world.history(NAME)[-1] == "mail refused"
        assert taken(desk) == [(ARCHIVE,)]
        with world.database() as database:
            (letter,) = Outbox(database).list_letters()
            assert (letter.state, Outbox(database).counts()["partly refused"]) == ("partly refused", 1)
        listed = CliRunner().invoke(fs2od, ["datasets", "--data", str(world.state)])
        assert f"{NAME}  needs you" in listed.stdout
        assert UNKNOWN in listed.stdout
        (known,) = json.loads(CliRunner().invoke(fs2od, ["datasets", "--data", str(world.state), "--json"]).stdout)
        assert (known["state"], known["unreached"][0]["address"]) == ("needs you", ALEX)
        (folder / "SPA.yml").write_text(METADATA.replace(ALEX, RIGHT))
        await world.until(one_pass, lambda: (RIGHT,) in taken(desk))
        (folder / ".running").unlink()
        await world.until(one_pass, world.is_in("complete", NAME))
    assert world.rows()[NAME].unreached == ()


async def test_trying_again_sends_what_was_refused_once_more(world: World, desk: Desk, server: Server) -> None:
    world.dataset(running=True)
    desk.to_recipient, desk.to_data = {}, "554 5.7.1 that looks like spam"
    async with facility(world, server).opened() as one_pass:
        await world.until(one_pass, world.is_in("needs you", NAME))
        assert "554 5.7.1 that looks like spam" in needed(world).stuck
        for _ in range(3):
            world.clock.move(seconds=30)
            await one_pass()
        needed(world)
        desk.to_data = "250 taken"
        world.retry(NAME)
        await world.until(one_pass, world.is_in("acquiring", NAME))
    assert taken(desk) == [(ALEX,)]


async def test_who_was_refused_once_is_in_order_again_by_a_later_letter(
    world: World, desk: Desk, server: Server
) -> None:
    folder = world.dataset(running=True)
    async with facility(world, server).opened() as one_pass:
        await world.until(one_pass, world.is_in("needs you", NAME))
        (folder / "SPA.yml").write_text(METADATA.replace(ALEX, RIGHT))
        await world.until(one_pass, lambda: (RIGHT,) in taken(desk))
        desk.to_recipient = {}
        (folder / "SPA.yml").write_text(METADATA)
        await world.until(one_pass, lambda: (ALEX,) in taken(desk))
        await world.until(one_pass, world.is_in("acquiring", NAME))


async def test_whom_the_configuration_names_and_the_server_always_refuses_is_said_once_and_marks_no_dataset(
    world: World, desk: Desk, server: Server
) -> None:
    for name in (NAME, "another"):
        world.dataset(name, running=True)
    desk.to_recipient = {ARCHIVE: UNKNOWN}
    async with facility(world, server, to=(f"The archive <{ARCHIVE}>",)).opened() as one_pass:
        await world.until(one_pass, lambda: len(taken(desk)) == 2)
        await world.until(one_pass, world.is_in("acquiring", NAME, "another"))
        with world.database() as database:
            (refused,) = Datasets(database).refused_always()
        assert (refused.address, refused.said, refused.datasets) == (ARCHIVE, UNKNOWN, 2)
        listed = CliRunner().invoke(fs2od, ["datasets", "--data", str(world.state)])
        assert listed.stderr.count(f"the mail server refuses {ARCHIVE} ({UNKNOWN})") == 1
    async with facility(world, server, to=()).opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME, "another"))
        await one_pass()
        with world.database() as database:
            assert Datasets(database).refused_always() == ()


async def test_a_copy_that_is_refused_is_told_of_in_the_outbox_alone(world: World, desk: Desk, server: Server) -> None:
    world.dataset(running=True)
    desk.to_recipient = {ARCHIVE: UNKNOWN}
    async with facility(world, server, cc=(ARCHIVE,)).opened() as one_pass:
        await world.until(one_pass, lambda: NAME in world.rows() and "mail refused" in world.history(NAME))
        await world.until(one_pass, world.is_in("acquiring", NAME))
    with world.database() as database:
        (letter,) = Outbox(database).list_letters()
    assert letter.state == "partly refused"
