"""A mail address that is corrected after the announcement: who is named now is told, once, with an invite that works."""

from __future__ import annotations

import contextlib
from collections import Counter
from datetime import UTC, datetime
from functools import partial

from msgspec.structs import replace
from tests.facility.conftest import METADATA, World
from tests.facility.test_interruptions import KillAt, Killed
from tests.facility.test_onboarding import NAME, plain

from fs2od.configuration import Mail
from fs2od.facility.deciding import correction, told_so_far
from fs2od.facility.journal import Announcement, Facts, Record, Step
from fs2od.node.zone.memberships import GROUP_USER
from fs2od.onedata.ids import TokenId

MAIL = Mail(sender="desk@example.org", to=("archive@example.org",))


def corrected(address: str = "alexa@example.org") -> str:
    return METADATA.replace("alex@example.org", address)


_RECORD = Record(
    id=1, root="/data", relative="A", name="A", unique_name="A-x", device=1, inode=1, detected_at=datetime(2026, 11, 5, tzinfo=UTC)
)  # fmt: skip


def announced(to: tuple[str, ...], *told: Announcement, cc: tuple[str, ...] = (), bcc: tuple[str, ...] = ()) -> Record:
    facts = Facts("grid 2", "Krios", "Alex Example", {}, to, cc, bcc)
    done = {Step.ANNOUNCED: "written", Step.OWNERS_TOKEN: "t1"}
    return replace(_RECORD, facts=facts, done=done, announcements=told)


FIRST = Announcement(("alex@example.org", "archive@example.org"), "t1")


def test_whom_the_first_letter_went_to_is_told_nothing_again() -> None:
    assert correction(announced(("alex@example.org",), FIRST), MAIL) is None
    assert correction(announced(("Alex@Example.org",), FIRST), MAIL) is None
    assert correction(announced(("alexa@example.org",)), MAIL) is None  # nobody knows whom that went to


def test_an_invite_ends_only_when_nobody_it_went_to_is_named_any_longer() -> None:
    found = correction(announced(("alexa@example.org", "archive@example.org"), FIRST), MAIL)
    assert found is not None
    assert (found.facts.to, found.superseded) == (("alexa@example.org",), (FIRST,))
    added = correction(announced(("alex@example.org", "bob@example.org"), FIRST), MAIL)
    assert added is not None
    assert (added.facts.to, added.superseded) == (("bob@example.org",), ())


def test_an_invite_ends_also_when_an_address_is_only_taken_out() -> None:
    for left in ((), ("archive@example.org",)):
        found = correction(announced(left, FIRST), MAIL)
        assert found is not None
        assert (found.facts.addresses, found.superseded) == ((), (FIRST,))
    assert correction(announced((), Announcement((), "")), MAIL) is None


def test_one_who_is_new_among_the_copies_alone_is_written_to() -> None:
    copy = correction(announced(("alex@example.org",), FIRST, cc=("b@example.org",), bcc=("c@example.org",)), MAIL)
    assert copy is not None
    assert (copy.facts.to, copy.facts.cc, copy.facts.bcc) == (("b@example.org",), (), ("c@example.org",))
    blind = correction(announced(("alex@example.org",), FIRST, bcc=("c@example.org",)), MAIL)
    assert blind is not None
    assert (blind.facts.to, blind.facts.bcc) == (("c@example.org",), ())


def test_of_what_an_earlier_version_announced_the_facts_say_whom_it_went_to() -> None:
    (told,) = told_so_far(announced(("alex@example.org",)))
    assert told == Announcement(("alex@example.org",), "t1")


async def test_a_corrected_address_gets_the_announcement_with_an_invite_of_its_own(world: World) -> None:
    folder = world.dataset(running=True)
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
        first = world.records()[NAME].done[Step.OWNERS_TOKEN]
        (folder / "SPA.yml").write_text(corrected())
        await world.until(one_pass, lambda: len(world.letters()) == 2)
        for _ in range(3):
            world.clock.move(seconds=30)
            await one_pass()
        assert len(world.letters()) == 2
        (letter,) = [each for each in world.letters() if each["To"] == "alexa@example.org"]
        record = world.records()[NAME]
        async with world.onedata() as (zone, _, _):
            assert TokenId(first) not in await zone.tokens.list_named()
            invite = (await zone.tokens.named(TokenId(record.announcements[0].invite))).token
            assert f"/join#{invite.reveal()}" in plain(letter)
            members = await zone.tokens.named(TokenId(record.done[Step.MEMBERS_TOKEN]))
            assert members.token.reveal() in plain(letter)
        (folder / ".running").unlink()
        await world.until(one_pass, lambda: len(world.letters()) == 3)
        (complete,) = [each for each in world.letters() if "is complete" in each["Subject"]]
        assert complete["To"] == "alexa@example.org"
        # Back again: the invite that the first one has has ended.
        (folder / "SPA.yml").write_text(METADATA)
        await world.until(one_pass, lambda: len(world.letters()) == 4)
    (again,) = [
        each for each in world.letters() if each["To"] == "alex@example.org" and "It is complete" in plain(each)
    ]
    (told,) = world.records()[NAME].announcements
    async with world.onedata() as (zone, _, _):
        assert (await zone.tokens.named(TokenId(told.invite))).token.reveal() in plain(again)
    assert world.history(NAME).count("announced") == 3


async def test_an_address_that_is_taken_out_loses_its_invite_and_gets_another_one_when_it_is_back(world: World) -> None:
    folder = world.dataset(running=True)
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
        first = world.records()[NAME].done[Step.OWNERS_TOKEN]
        (folder / "SPA.yml").write_text(corrected("").replace("Email:", "Mail:"))
        await world.until(one_pass, lambda: "invite" in world.history(NAME))
        async with world.onedata() as (zone, _, _):
            assert TokenId(first) not in await zone.tokens.list_named()
        for _ in range(4):
            world.clock.move(seconds=30)
            await one_pass()
        assert world.history(NAME).count("invite") == 1
        assert len(world.letters()) == 1
        (folder / "SPA.yml").write_text(METADATA)
        await world.until(one_pass, lambda: len(world.letters()) == 2)
        (folder / ".running").unlink()
        await world.until(one_pass, world.is_in("complete", NAME))
    assert world.history(NAME).count("invite") == 1


async def test_the_completion_is_told_also_where_an_owner_lets_the_facility_invite_nobody(world: World) -> None:
    folder = world.dataset(running=True)
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
        done, zone = world.records()[NAME].done, world.node.zone
        facility = zone.users.by_username("admin").id
        for group in (done[Step.OWNERS], done[Step.MEMBERS]):
            zone.memberships.remove(GROUP_USER, group, facility)
        added = METADATA.replace("alex@example.org", "[alex@example.org, new@example.org]")
        (folder / "SPA.yml").write_text(added)
        await world.until(one_pass, lambda: "may not" in (world.rows()[NAME].stuck or ""))
        (folder / ".running").unlink()
        await world.until(one_pass, lambda: _completions(world) == 1, step_s=30)
        for _ in range(3):
            world.clock.move(hours=1)
            await one_pass()
    assert _completions(world) == 1
    assert world.rows()[NAME].state == "needs you"
    assert world.records()[NAME].told


async def test_killed_anywhere_the_corrected_address_is_written_to_once_with_one_invite(world: World) -> None:
    folder = world.dataset(running=True)
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
    for number in range(1, 60):
        (folder / "SPA.yml").write_text(corrected(f"person{number}@example.org"))
        killer, is_told = KillAt(number), partial(_is_told, world, number)
        with contextlib.suppress(Killed):
            async with world.facility(observer=killer, fault_point=killer).opened() as one_pass:
                await world.until(one_pass, is_told)
        async with world.facility().opened() as one_pass:
            await world.until(one_pass, is_told)
        if killer.calls < number:
            break
    else:
        raise AssertionError("no run was ever untouched")
    assert number > 10
    assert Counter(str(each["To"]) for each in world.letters()) == Counter(
        ["alex@example.org", *(f"person{each}@example.org" for each in range(1, number + 1))]
    )
    async with world.onedata() as (zone, _, _):
        names = [(await zone.tokens.named(each)).name for each in await zone.tokens.list_named()]
    unique = world.records()[NAME].unique_name
    assert sorted(name for name in names if name.startswith(unique)) == [
        f"{unique} members",
        f"{unique} owners {number + 1}",
    ]


def _is_told(world: World, number: int) -> bool:
    return world.history(NAME).count("announced") == number + 1 and len(world.subjects()) == number + 1


def _completions(world: World) -> int:
    return sum("is complete" in each["Subject"] for each in world.letters())
