"""Every command that the page of a selection offers, run with the real program over TLS, on hostile names."""

from __future__ import annotations

import os
import re
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from tests.system.test_tools import CONTENT, Site, Tree, as_aria2, as_they_are, as_wget, node, site, tree

from fs2od.node.provider.archives.handing import selection_address
from fs2od.node.running import open_node
from fs2od.node.settings import NodeSettings
from fs2od.node.zone.link_rules import Rule
from fs2od.portal._commands import closed_commands, closed_file_commands
from fs2od.portal._datasets import Datasets
from fs2od.portal._selections import Ways, chosen_in, selection_commands
from fs2od.testing.system import System
from fs2od.testing.world import World, _administrator

__all__ = ["node", "site"]

# A form cannot carry line breaks, so pages do not offer such names by themselves; they come within folders.
CHOSEN = [path for path in CONTENT if path.startswith("sub/r") or ("/" not in path and not re.search("[\n\r]", path))]
CHOSEN = [path for path in CHOSEN if path not in ("a&b", "%41")] + ["deep"]


def chosen_content() -> dict[str, bytes]:
    return {path: data for path, data in CONTENT.items() if path in CHOSEN or path.startswith("deep/")}


def without_breaks(path: bytes) -> bytes | None:
    """Lists of lines hold no names with line breaks."""
    return None if re.search(rb"[\n\r]", path) else path


def expected(rename: object = as_they_are) -> Tree:
    assert callable(rename)
    renamed = {rename(os.fsencode(path)): data for path, data in chosen_content().items()}
    return {path: data for path, data in renamed.items() if path is not None}


@pytest.fixture
def selected(node: tuple[System, str], site: Site) -> Site:
    """The site with the commands of a selection instead of those of everything."""
    with node[0].http() as http:
        answer = http.post(f"{site.link}/selection", data={"path": CHOSEN}, headers={"Accept": "application/json"})
        assert answer.status_code == 200, answer.text
    return Site(site.link, site.data, answer.json()["commands"], site.home)


def test_no_command_goes_without_the_certificate(selected: Site) -> None:
    for line in selected.twin.values():
        assert "fs2od-ca.pem" in line
        assert not re.search(r"(^|\s)(-k|--insecure|--no-check-certificate)(\s|$)", line)


@pytest.mark.parametrize(
    ("tool", "renamed"),
    [
        ("fs2od", as_they_are),
        ("Python", as_they_are),
        ("Python for Windows", as_they_are),
        ("rclone", without_breaks),
        ("wget", as_wget),
        ("aria2", as_aria2),
    ],
)
def test_a_tool_brings_the_selection_and_mends_it(selected: Site, tool: str, renamed: object) -> None:
    assert selected.get(tool) == expected(renamed)
    (selected.home / "dataset-one" / "large.mrc").unlink()
    os.truncate(selected.home / "dataset-one" / "sub" / "report.html", 3)
    assert selected.get(tool) == expected(renamed)


def unpacked(folder: Path) -> Tree:
    (top,) = folder.iterdir()
    return tree(top)


def test_curl_brings_the_selection_as_one_tar_and_goes_on_within_it(selected: Site) -> None:
    stop_early = selected.run(selected.twin["curl"].replace("curl ", "curl --limit-rate 8M --max-time 1 ", 1))
    assert stop_early.returncode == 28
    done = selected.run(selected.twin["curl"])
    assert done.returncode == 0, done.stderr
    (archive,) = selected.home.glob("*.tar")
    with tarfile.open(archive) as opened:
        # Debian 12 has a Python without filters.
        opened.extraction_filter = getattr(tarfile, "data_filter", lambda member, _path: member)
        opened.extractall(selected.home / "unpacked")
    assert unpacked(selected.home / "unpacked") == expected()


def test_windows_gets_the_selection_as_a_whole_zip(selected: Site) -> None:
    done = selected.run(selected.twin["curl for Windows"])
    assert done.returncode == 0, done.stderr
    (archive,) = selected.home.glob("*.zip")
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        contents = [opened.read(one) for one in opened.infolist() if not one.is_dir()]
    assert sorted(contents) == sorted(chosen_content().values())


@pytest.mark.parametrize("tool", ["sha256sum", "shasum"])
def test_the_checksums_of_the_selection_are_checked_afterwards(selected: Site, tool: str) -> None:
    selected.get("fs2od")
    done = selected.run(selected.twin[tool])
    assert done.returncode == 0, done.stdout + done.stderr
    (selected.home / "dataset-one" / "robots.txt").write_bytes(b"?")
    wrong = selected.run(selected.twin[tool])
    assert wrong.returncode != 0
    assert b"robots.txt: FAILED" in wrong.stdout


def test_windows_checks_the_selection_by_python(selected: Site) -> None:
    selected.get("rclone")
    # What lists of lines do not hold is missing still.
    assert selected.run(selected.twin["Python for Windows, to check"]).returncode != 0
    selected.get("Python for Windows")
    assert selected.run(selected.twin["Python for Windows, to check"]).returncode == 0


def test_what_was_begun_goes_on_when_the_address_has_ended(selected: Site) -> None:
    line = selected.twin["Python"]
    assert selected.run(line).returncode == 0
    (selected.home / "dataset-one" / "large.mrc").unlink()
    ended = re.sub(r"/download/[^/]+/", "/download/ended/", line)
    assert selected.run(ended).returncode == 0
    assert tree(selected.home / "dataset-one") == expected()


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[System, str, str, dict[str, str]]]:
    """A node with the same dataset for members only: its link, a member's token, and the commands that the member is shown."""
    home = tmp_path_factory.mktemp("closed")
    system = System(home)
    settings = NodeSettings(system.data / "node", f"localhost:{system.port}", f"localhost:{system.port + 1}")
    with open_node(settings) as opened:
        world = World(opened, home, _administrator(opened), {})
        owner = world.person()
        share = world.share(owner, world.dataset(owner, CONTENT), name="dataset one")
        opened.zone.link_rules.set_for_share(owner.caller, share, Rule("members"), label="")
        datasets, link = Datasets(opened.provider), opened.zone.public_url(share)
        dataset = datasets.get(share, owner.caller)
        selection = chosen_in(datasets, dataset, urlencode([("path", path) for path in CHOSEN]).encode())
        assert selection is not None
        top = opened.provider.access.locate_share_root(owner.caller, share)
        at = selection_address(opened.provider, top, tuple(item.path for item in selection.items))
        chosen = selection_commands(dataset, selection, Ways(link, at=at), authority=True)
        data = f"{settings.provider_url}/share/{share}"
        archive = f"{data}/archive/{dataset.archive_state}/{dataset.folder}"
        everything = closed_commands(link, dataset.folder, authority=True, data=data, archive=archive)
    address = f"{data}/files/{quote('deep/#?%;+=/x')}"
    single = closed_file_commands(address, authority=True)
    lines = {f"{each.tool} (chosen)": each.line for each in chosen} | {each.tool: each.line for each in everything}
    lines |= {f"{each.tool} (single)": each.line for each in single}
    with system:
        system.start_node()
        yield system, link, owner.token.reveal(), lines


@pytest.fixture
def members(closed: tuple[System, str, str, dict[str, str]], site: Site) -> Site:
    """A member's folder with the two files that the commands read a token from."""
    system, link, token, lines = closed
    shutil.copy(system.facts["ca"], site.home / "fs2od-ca.pem")
    (site.home / "fs2od.token").write_text(f"{token}\n")
    (site.home / "fs2od.header").write_text(f"X-Auth-Token: {token}\n")
    return Site(link, "", lines, site.home)


@pytest.mark.parametrize("tool", ["fs2od", "Python", "Python for Windows"])
def test_members_bring_a_selection_and_everything_with_a_token_from_a_file(members: Site, tool: str) -> None:
    assert members.get(f"{tool} (chosen)") == expected()
    if tool in members.twin:
        assert members.get(tool) == {os.fsencode(path): data for path, data in CONTENT.items()}


@pytest.mark.parametrize("tool", ["curl", "curl (chosen)", "curl for Windows", "curl for Windows (chosen)"])
def test_members_bring_archives_with_a_header_from_a_file(members: Site, tool: str) -> None:
    done = members.run(members.twin[tool])
    assert done.returncode == 0, done.stderr
    (archive,) = (path for path in members.home.iterdir() if path.suffix in (".tar", ".zip"))
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) // 2])
    # It goes on at that byte: curl itself refuses an answer that begins elsewhere.
    assert members.run(members.twin[tool]).returncode == 0
    assert archive.read_bytes() == whole
    shutil.unpack_archive(archive, members.home / "unpacked")
    wanted = chosen_content() if "chosen" in tool else CONTENT
    assert sorted(unpacked(members.home / "unpacked").values()) == sorted(wanted.values())


@pytest.mark.parametrize("tool", ["Python", "Python (chosen)", "curl", "curl (chosen)"])
def test_without_the_token_members_commands_bring_nothing(members: Site, tool: str) -> None:
    for name in ("fs2od.token", "fs2od.header"):
        (members.home / name).write_text("X-Nothing: 1\n")
    assert members.run(members.twin[tool]).returncode != 0
    assert not list(members.home.rglob("*.mrc"))


@pytest.mark.parametrize("tool", ["curl (single)", "curl for Windows (single)"])
def test_members_bring_a_single_file(members: Site, tool: str) -> None:
    assert members.run(members.twin[tool]).returncode == 0
    assert (members.home / "x").read_bytes() == CONTENT["deep/#?%;+=/x"]
