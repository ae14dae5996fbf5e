"""The commands that a page offers: fit for a shell whatever a dataset is called."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs2od.portal._commands import LINUX, MACOS, WINDOWS, closed_commands, dataset_commands

LINK, DATA = "https://data.example.org:8443/share/8f", "https://data.example.org:8444/share/8f"


@given(title=st.text(max_size=80), authority=st.booleans(), archive=st.sampled_from(["", f"{DATA}/archive/1-2/grid"]))
def test_no_title_is_anything_but_a_folder_to_a_shell(title: str, authority: bool, archive: str) -> None:
    for command in dataset_commands(LINK, title, authority=authority, data=DATA, archive=archive):
        assert command.line.isprintable()
        assert command.line.isascii()
        plain = dataset_commands(LINK, "dataset", authority=authority, data=DATA, archive=archive)
        like = next(each for each in plain if each.tool == command.tool)
        assert len(shlex.split(command.line)) == len(shlex.split(like.line))


@pytest.mark.parametrize("data", ["", DATA])
def test_only_a_node_with_an_authority_of_its_own_has_its_certificate_named(data: str) -> None:
    for authority in (True, False):
        lines = [each.line for each in dataset_commands(LINK, "Grid 2", authority=authority, data=data)]
        assert all(("fs2od-ca.pem" in line) is authority for line in lines)


def test_a_plain_node_is_asked_for_nothing_beyond_onedata() -> None:
    commands = dataset_commands(LINK, "Grid 2", authority=True)
    assert [each.tool for each in commands] == ["fs2od", "curl", "wget"]
    assert not any("/files" in each.line or "SHA256SUMS" in each.line for each in commands)


def test_an_archive_goes_on_only_at_an_address_of_its_own() -> None:
    pinned = {
        each.tool: each.line for each in dataset_commands(LINK, "x", authority=True, data=DATA, archive=f"{DATA}/a")
    }
    present = {each.tool: each.line for each in dataset_commands(LINK, "x", authority=True, data=DATA)}
    assert "-C -" in pinned["curl"]
    assert "-C -" not in present["curl"]


def test_a_members_archive_goes_on_too_and_no_token_stands_in_a_line() -> None:
    shown = {
        archive: closed_commands(LINK, "x", authority=True, data=DATA, archive=archive) for archive in ("", f"{DATA}/a")
    }
    for archive, commands in shown.items():
        lines = {each.tool: each.line for each in commands}
        assert [*lines] == ["Python", "Python for Windows", "fs2od", "curl", "curl for Windows"]
        assert ("-C -" in lines["curl"]) is ("-C -" in lines["curl for Windows"]) is bool(archive)
        assert all(("fs2od.token" in line) is not ("-H '@fs2od.header'" in line) for line in lines.values())


def test_every_system_has_a_way_with_nothing_to_install() -> None:
    commands = dataset_commands(LINK, "x", authority=True, data=DATA, archive=f"{DATA}/a")
    for system in (LINUX, MACOS, WINDOWS):
        assert any(each.line.startswith("curl") for each in commands if system in each.platforms)
    assert all("curl.exe" in each.line for each in commands if each.platforms == (WINDOWS,))
