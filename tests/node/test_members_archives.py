"""Archives by token: with their length, any range, the same bytes for the same state; and Onedata's own way to a directory's TAR."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.node.archive_site import Answer, ArchiveSite, archive_site, query

from fs2od.onedata.tokens import DataPath
from fs2od.testing.sidecars import extend_sidecar

FILES = {"a.mrc": b"a" * 3000, "Grids/b.mrc": bytes(range(256)) * 40, "Grids/ünï c": b"c"}


class Member:
    """Somebody with a token, at a site."""

    def __init__(self, site: ArchiveSite, token: str, path: str = "") -> None:
        self.site = site
        self.headers = {"X-Auth-Token": token}
        self.id = site.world.id_of(site.dataset, path)
        self.base = f"/data/{self.id}"

    def ask(self, path: str, *, method: str = "GET", **headers: str) -> Answer:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.site.ask(path, method=method, headers={**self.headers, **given})

    def ticket(self) -> str:
        """Return where Onedata's route leads to."""
        moved = self.ask(f"/api/v3/oneprovider/data/{self.id}/content")
        assert moved.status == 302
        return urlsplit(moved.headers["Location"]).path


@pytest.fixture
def site(tmp_path: Path) -> Iterator[ArchiveSite]:
    with archive_site(tmp_path, FILES) as site:
        yield site


def named(below: str = "") -> dict[str, bytes]:
    name = below or "dataset"
    above = f"{below}/" if below else ""
    return {f"{name}/{path[len(above) :]}": data for path, data in FILES.items() if path.startswith(above)}


@pytest.mark.parametrize("format_", ["tar", "zip"])
def test_an_archive_by_token_has_its_length_and_any_range_of_a_state(site: ArchiveSite, format_: str) -> None:
    member = Member(site, site.owner.token.reveal())
    head = member.ask(f"{member.base}/archive.{format_}", method="HEAD")
    whole = member.ask(f"{member.base}/archive.{format_}")
    assert (head.status, whole.status, len(whole.body)) == (200, 200, int(head.headers["Content-Length"]))
    assert (whole.tar() if format_ == "tar" else whole.zip()) == named()
    pinned = head.headers["Content-Location"]
    assert pinned.startswith(f"{member.base}/archive/")
    assert member.ask(pinned).body == whole.body
    part = member.ask(pinned, Range="bytes=700-")
    assert (part.status, part.body, part.headers["ETag"]) == (206, whole.body[700:], head.headers["ETag"])
    # Without the address of a state, a range is given of the very same bytes only.
    loose = f"{member.base}/archive.{format_}"
    assert member.ask(loose, Range="bytes=700-").status == 200
    assert member.ask(loose, Range="bytes=700-", If_Range=head.headers["ETag"]).status == 206
    site.add("a.mrc", b"other")
    site.rescan()
    assert member.ask(pinned).status == 410
    assert member.ask(loose, Range="bytes=700-", If_Range=head.headers["ETag"]).status == 200


def test_a_folder_and_a_selection_come_by_a_token_for_them(site: ArchiveSite) -> None:
    token = site.world.token(site.owner, DataPath((f"/{site.dataset.space}/Grids",)))
    member = Member(site, token.reveal(), "Grids")
    assert member.ask(f"{member.base}/archive.tar").tar() == named("Grids")
    assert list(member.ask(f"{member.base}/archive.tar{query(['b.mrc'])}").tar().values()) == [FILES["Grids/b.mrc"]]


def test_strangers_and_guests_get_none(site: ArchiveSite) -> None:
    member = Member(site, site.owner.token.reveal())
    pinned = member.ask(f"{member.base}/archive.tar", method="HEAD").headers["Content-Location"]
    stranger = Member(site, site.world.person("Stranger").token.reveal())
    part = site.world.token(site.owner, DataPath((f"/{site.dataset.space}/Grids",)))
    for path in (f"{member.base}/archive.tar", pinned):
        assert site.ask(path).status == 404
        assert stranger.ask(path).status == 403
        assert Member(site, part.reveal()).ask(path).status in {403, 404}
    assert member.ask(f"{member.base}/archive.rar").status == 404


def test_a_program_goes_on_where_it_was(site: ArchiveSite, tmp_path: Path) -> None:
    member = Member(site, site.owner.token.reveal())
    pinned = member.ask(f"{member.base}/archive.tar", method="HEAD").headers["Content-Location"]
    whole = member.ask(pinned).body
    (header := tmp_path / "header").write_text(f"X-Auth-Token: {member.headers['X-Auth-Token']}\n")
    (begun := tmp_path / "set.tar").write_bytes(whole[:5000])
    line = ["curl", "-fsSL", "-C", "-", "-o", str(begun), "--cacert", str(site.world.ca), "-H", f"@{header}"]
    subprocess.run([*line, f"{site.origin}{pinned}"], check=True, timeout=60)
    assert begun.read_bytes() == whole


def test_onedatas_way_to_a_directory_is_the_archive_of_a_sealed_dataset_and_a_stream_while_it_grows(
    site: ArchiveSite,
) -> None:
    member = Member(site, site.owner.token.reveal())
    growing = site.ask(member.ticket())
    assert (growing.status, growing.tar(), growing.headers["Content-Length"]) == (200, named(), None)
    extend_sidecar(site.folder, seal=True)
    site.rescan()
    whole = site.ask(member.ticket())
    assert whole.headers["Content-Length"] == str(len(whole.body))
    assert {path: data for path, data in whole.tar().items() if "sidecar" not in path} == named()
    tag = whole.headers["ETag"]
    # Each ticket is another address of the same bytes.
    assert site.part(member.ticket(), 700, None, If_Range=tag).body == whole.body[700:]
    assert site.part(member.ticket(), 700, None).status == 200
    assert member.ask(f"{member.base}/archive.tar").body == whole.body
    site.add("a.mrc", b"other")
    changed = site.ask(member.ticket())
    assert changed.status == 200
    assert b"other" in changed.tar().values()


def test_plain_gives_a_directory_as_a_stream_and_nothing_else(tmp_path: Path) -> None:
    with archive_site(tmp_path, FILES, plain=True) as site:
        extend_sidecar(site.folder, seal=True)
        site.rescan()
        member = Member(site, site.owner.token.reveal())
        streamed = site.ask(member.ticket())
        assert (streamed.status, streamed.headers["Content-Length"]) == (200, None)
        assert member.ask(f"{member.base}/archive.tar").status == 404
