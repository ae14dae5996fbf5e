"""Archives over TLS: the same bytes whenever and from wherever they are asked for, or a plain word why not."""

from __future__ import annotations

import http.client
import io
import os
import sqlite3
import stat
import tarfile
import zipfile
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.node.archive_site import FEW, HOSTILE, ArchiveSite, Meanwhile, archive_site, query, shown, site
from tests.node.scan_scene import Clock

from fs2od.node.provider.archives.plans import SEGMENT
from fs2od.testing.world import write_files

__all__ = ["shown", "site"]

MIB = 1 << 20


@pytest.fixture(scope="module")
def wholes(shown: ArchiveSite) -> dict[str, bytes]:
    return {format_: shown.present(format_).body for format_ in ("tar", "zip")}


def test_a_tar_holds_every_file_under_its_own_name(shown: ArchiveSite) -> None:
    assert shown.present("tar").tar() == {f"set/{path}": content for path, content in HOSTILE.items()}


def test_a_zip_holds_every_file_once_and_whole(shown: ArchiveSite) -> None:
    found = shown.present("zip").zip()
    assert sorted(found.values()) == sorted(HOSTILE.values())
    assert found["set/Images-Disc1/GridSquare_2/Data/FoilHole_2.mrc"] == b"\x01" * 70_001


def test_names_in_a_zip_are_such_that_windows_can_hold_them_and_differ_in_more_than_case(shown: ArchiveSite) -> None:
    names = list(shown.present("zip").zip())
    assert len({name.lower() for name in names}) == len(names)
    for name in names:
        for part in name.split("/"):
            assert not set(part) & set('<>:"\\|?*\n')
            assert not part.endswith((".", " "))
            assert part.partition(".")[0].upper() not in ("CON", "AUX")
            assert len(part.encode()) <= 255
    assert "set/Case" in names
    assert "set/case" not in names


@pytest.mark.parametrize("format_", ["tar", "zip"])
def test_what_a_head_promises_is_what_comes_and_comes_again(shown: ArchiveSite, format_: str) -> None:
    head = shown.ask(f"{shown.base}/archive.{format_}", method="HEAD")
    first, again = shown.present(format_), shown.present(format_)
    pinned = shown.ask(head.headers["Content-Location"])
    session = shown.ask(shown.start(format_=format_))
    for answer in (first, again, pinned, session):
        assert (answer.status, answer.body) == (200, first.body)
        assert answer.headers["ETag"] == head.headers["ETag"]
        assert answer.headers["Content-Length"] == head.headers["Content-Length"] == str(len(first.body))
        assert answer.headers["Accept-Ranges"] == "bytes"
        assert answer.headers["Content-Disposition"].startswith(f'attachment; filename="set.{format_}"')
    assert head.body == b""


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.parametrize("format_", ["tar", "zip"])
def test_any_range_is_that_part_of_the_whole(
    shown: ArchiveSite, wholes: dict[str, bytes], data: st.DataObject, format_: str
) -> None:
    whole = wholes[format_]
    first = data.draw(st.integers(0, len(whole) - 1))
    last = data.draw(st.none() | st.integers(first, min(len(whole) + 5, first + 100_000)))
    answer = shown.part(address(shown, format_), first, last)
    expected = whole[first:] if last is None else whole[first : last + 1]
    assert (answer.status, answer.body) == (206, expected)
    assert answer.headers["Content-Range"] == f"bytes {first}-{first + len(expected) - 1}/{len(whole)}"


@pytest.mark.parametrize("format_", ["tar", "zip"])
def test_every_single_byte_of_the_end_and_beginning_can_be_asked_for(
    shown: ArchiveSite, wholes: dict[str, bytes], format_: str
) -> None:
    """Range by range over every header of the first and last members."""
    whole, path = wholes[format_], address(shown, format_)
    for first in (*range(0, 1500, 97), *range(len(whole) - 1500, len(whole), 97)):
        assert shown.part(path, first, first).body == whole[first : first + 1]
    assert shown.ask(path, headers={"Range": "bytes=-100"}).body == whole[-100:]


def address(site: ArchiveSite, format_: str) -> str:
    known = vars(site).setdefault("addresses", {})
    if format_ not in known:
        known[format_] = site.pinned(format_)
    return str(known[format_])


def test_several_ranges_come_as_several_parts(shown: ArchiveSite, wholes: dict[str, bytes]) -> None:
    answer = shown.ask(address(shown, "zip"), headers={"Range": "bytes=5-9,1000-1099"})
    assert answer.status == 206
    assert answer.headers["Content-Type"].startswith("multipart/byteranges")
    assert wholes["zip"][5:10] in answer.body
    assert wholes["zip"][1000:1100] in answer.body
    assert str(len(answer.body)) == answer.headers["Content-Length"]


def test_conditions_are_judged_by_the_state(shown: ArchiveSite, wholes: dict[str, bytes]) -> None:
    path, size = address(shown, "tar"), len(wholes["tar"])
    tag = shown.ask(path, method="HEAD").headers["ETag"]
    assert shown.part(path, 100, 199, If_Range=tag).status == 206
    assert shown.part(path, 100, 199, If_Range='"other"').status == 200
    assert shown.ask(path, headers={"If-None-Match": tag}).status == 304
    assert shown.ask(path, headers={"If-Match": '"other"'}).status == 412
    beyond = shown.part(path, size, None)
    assert (beyond.status, beyond.headers["Content-Range"]) == (416, f"bytes */{size}")
    for name in ("If-Modified-Since", "If-Unmodified-Since"):
        assert shown.ask(path, method="HEAD", headers={name: "Thu, 01 Jan 2099 00:00:00 GMT"}).status == 200


def test_at_the_address_of_the_present_a_range_needs_its_condition(shown: ArchiveSite) -> None:
    path = f"{shown.base}/archive.tar"
    tag = shown.ask(path, method="HEAD").headers["ETag"]
    assert shown.part(path, 100, 199).status == 200
    assert shown.part(path, 100, 199, If_Range=tag).status == 206


def test_a_choice_holds_what_was_chosen_and_each_thing_once(shown: ArchiveSite) -> None:
    paths = ["Images-Disc1/GridSquare_1/", "plain.mrc", "Images-Disc1/GridSquare_1/Data/FoilHole_1.xml", "ünïcode"]
    expected = {
        f"set/{path}": content
        for path, content in HOSTILE.items()
        if path.startswith(("Images-Disc1/GridSquare_1/", "plain", "ünïcode/"))
    }
    assert shown.present("tar", *paths).tar() == expected
    assert shown.present("zip", *reversed(paths)).zip() == expected
    assert shown.ask(shown.start(*paths, format_="tar")).tar() == expected
    pinned = shown.pinned("zip", *paths)
    assert shown.part(pinned, 10, 5000).body == shown.ask(pinned).body[10:5001]
    assert shown.ask(shown.pinned("tar", "CON", "case")).tar() == {"set/CON": b"8", "set/case": b"11"}


def test_what_is_chosen_is_called_in_a_zip_as_in_the_whole(shown: ArchiveSite) -> None:
    everything = shown.present("zip").zip()
    for path in ("case", "Case", "dir./within", "CON"):
        for name, content in shown.present("zip", path).zip().items():
            assert everything[name] == content == HOSTILE[path]


@pytest.mark.parametrize(
    "path", ["nowhere", "../set", "/etc/passwd", "a//b", "", ".", "a/\0", "plain.mrc/x", "a" * 5000]
)
def test_a_path_that_is_none_is_refused(shown: ArchiveSite, path: str) -> None:
    answer = shown.ask(f"{shown.base}/archive.zip{query([path])}")
    assert answer.status in (400, 404)
    assert answer.text.count("\n") == 1
    body = query([path]).removeprefix("?").encode()
    assert shown.ask(f"{shown.base}/archive", method="POST", body=body).status in (400, 404)


@pytest.mark.parametrize(
    "path",
    [
        "/share/none/archive.zip", "/download/none/set.zip", "{base}/archive.rar", "{base}/archive/1-0/set.zip",
        "{base}/archive/nonsense/set.zip", "{base}/archive/1-0123456789abcdef/set.exe",
    ],
)  # fmt: skip
def test_what_is_not_there_is_404(shown: ArchiveSite, path: str) -> None:
    assert shown.ask(path.format(base=shown.base)).status == 404


def test_where_archives_are_only_begun_that_is_said(shown: ArchiveSite) -> None:
    answer = shown.ask(f"{shown.base}/archive")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


def test_a_form_that_is_none_is_refused(shown: ArchiveSite) -> None:
    for body, status in ((b"\xff", 400), (b"format=rar", 404), (b"&" * 9 * MIB, 413), (b"path=%FF", 400)):
        assert shown.ask(f"{shown.base}/archive", method="POST", body=body).status == status


def test_modes_times_links_and_empty_folders_are_kept(site: ArchiveSite) -> None:
    (site.folder / "empty folder").mkdir()
    (site.folder / "link").symlink_to("a/one")
    os.utime(site.add("old", b"old"), (1_000_000_001, 1_000_000_001))
    site.rescan()

    with tarfile.open(fileobj=io.BytesIO(site.present("tar").body)) as tar:
        assert tar.getmember("set/link").linkname == "a/one"
        assert tar.getmember("set/empty folder").isdir()
        assert (tar.getmember("set/old").mtime, tar.getmember("set/old").mode) == (1_000_000_001, 0o664)
    with zipfile.ZipFile(io.BytesIO(site.present("zip").body)) as archive:
        link, old = archive.getinfo("set/link"), archive.getinfo("set/old")
        assert (stat.S_ISLNK(link.external_attr >> 16), archive.read(link)) == (True, b"a/one")
        assert (old.external_attr >> 16, old.date_time) == (stat.S_IFREG | 0o664, (2001, 9, 9, 1, 46, 40))
        assert archive.getinfo("set/empty folder/").is_dir()


def test_what_a_share_does_not_give_is_in_no_archive(site: ArchiveSite) -> None:
    with site.world.node.provider.indexes.using(site.dataset.space) as index:
        for path, mode in (("a", 0o770), ("four", 0o660)):
            entry = index.lookup([path])
            assert entry is not None
            index.set_mode(entry.row, mode)
    assert site.present("tar").tar() == {"set/b/three": FEW["b/three"]}
    assert list(site.present("zip").zip()) == ["set/b/three"]
    assert site.present("zip", "four").status == site.present("zip", "a/one").status == 404
    assert set(site.bulk(["four", "a/one", "b/three"]).tar()) == {"b/three", ".fs2od-missing"}


def test_the_access_file_is_in_no_archive(site: ArchiveSite) -> None:
    site.add("fs2od-access.yml", b"secret")
    site.add("a/fs2od-access.yml", b"secret")
    site.rescan()
    assert b"secret" not in site.present("tar").body


def test_a_share_of_a_single_file_is_an_archive_of_one(site: ArchiveSite) -> None:
    site.share = site.world.share(site.owner, site.dataset, "a/two", name="only")
    assert site.present("zip").zip() == {"two": FEW["a/two"]}
    assert site.present("tar").tar() == {"two": FEW["a/two"]}
    assert site.part(site.pinned("tar"), 512, 600).body == b"2" * 89


def test_a_share_of_a_folder_shows_nothing_beside_it(site: ArchiveSite) -> None:
    site.share = site.world.share(site.owner, site.dataset, "a", name="folder")
    assert site.present("zip").zip() == {"folder/one": FEW["a/one"], "folder/two": FEW["a/two"]}
    assert site.present("zip", "../four").status == 400
    assert site.present("zip", "four").status == 404


@pytest.mark.parametrize("format_", ["tar", "zip"])
def test_files_that_come_later_do_not_end_a_download(site: ArchiveSite, format_: str) -> None:
    path, session, before = site.pinned(format_), site.start(format_=format_), site.present(format_)
    site.add("a/later", b"later")
    site.add("new folder/later", b"later")
    site.rescan()
    for pinned in (path, session):
        assert site.part(pinned, 700, None).body == before.body[700:]
    now = site.present(format_)
    assert now.headers["ETag"] != before.headers["ETag"]
    assert len(now.zip() if format_ == "zip" else now.tar()) == len(FEW) + 2


@pytest.mark.parametrize("harm", ["change", "replace", "remove", "mode"])
def test_a_state_that_is_no_more_is_said_to_be_gone(site: ArchiveSite, harm: str) -> None:
    path, session, file = site.pinned("zip"), site.start(), site.folder / "a/one"
    if harm == "change":
        file.write_bytes(b"other")
    elif harm == "replace":
        site.add("a/new", b"5" * 1000).replace(file)
    elif harm == "remove":
        file.unlink()
    else:
        with site.world.node.provider.indexes.using(site.dataset.space) as index:
            entry = index.lookup(["a", "one"])
            assert entry is not None
            index.set_mode(entry.row, 0o600)
    site.rescan()
    for pinned in (path, session):
        answer = site.part(pinned, 10, 20)
        assert answer.status == 410
        assert "start again" in answer.text
        assert answer.text.count("\n") == 1
    assert site.present("zip").status == 200


def test_a_file_that_changed_unseen_is_never_given_and_is_registered_anew(site: ArchiveSite) -> None:
    path = site.pinned("tar")
    (site.folder / "four").write_bytes(b"changed behind the index")
    answer = site.ask(path)
    assert answer.status == 410
    # No scan ran: what the reader saw is what is offered now.
    assert site.present("tar").tar()["set/four"] == b"changed behind the index"


def test_a_file_that_vanished_unseen_is_said(site: ArchiveSite) -> None:
    path = site.pinned("tar")
    (site.folder / "four").unlink()
    assert site.ask(path).status == 410
    assert site.present("tar").status == 503
    site.rescan()
    assert site.present("tar").status == 200


@pytest.mark.parametrize("format_", ["tar", "zip"])
@pytest.mark.parametrize("harm", ["grow", "replace", "share"])
def test_what_changes_while_it_is_read_cuts_the_answer(
    site: ArchiveSite, monkeypatch: pytest.MonkeyPatch, harm: str, format_: str
) -> None:
    """The first file is large and has left in part when the harm is done to the last one, or to the share."""
    site.add("0", os.urandom(12 * MIB))
    last = site.add("z", bytes(20 * MIB))
    site.rescan()
    path, meanwhile = site.pinned(format_), Meanwhile(monkeypatch, "z")
    with site.opened(path) as answer:
        assert answer.status == 200
        answer.read(MIB)
        if harm == "grow":
            with last.open("ab") as file:
                file.write(b"more")
        elif harm == "replace":
            site.add("other", bytes(20 * MIB)).replace(last)
        else:
            site.world.node.zone.shares.end(site.owner.caller, site.share)
        meanwhile.harm.set()
        with pytest.raises(http.client.IncompleteRead):
            answer.read()
    if harm == "share":
        assert site.ask(path).status == 404


def test_a_file_that_grows_while_it_is_itself_read_cuts_the_answer(site: ArchiveSite) -> None:
    file = site.add("0", bytes(64 * MIB))
    site.rescan()
    path = site.pinned("zip")
    with site.opened(path) as answer:
        answer.read(2 * MIB)
        with file.open("ab") as opened:
            opened.write(b"more")
        with pytest.raises(http.client.IncompleteRead):
            answer.read()


def test_an_entry_that_changes_in_the_index_while_a_stream_runs_cuts_it(site: ArchiveSite) -> None:
    """The second segment is another one than was planned."""
    write_files(site.folder, {f"many/{number:05}": b"x" for number in range(2 * SEGMENT)})
    site.add("0", bytes(64 * MIB))
    site.rescan()
    with site.opened(site.pinned("tar")) as answer:
        answer.read(MIB)
        (site.folder / f"many/{2 * SEGMENT - 1:05}").unlink()
        site.rescan()
        with pytest.raises(http.client.IncompleteRead):
            answer.read()


def test_a_checksum_is_read_once_and_then_known(site: ArchiveSite, monkeypatch: pytest.MonkeyPatch) -> None:
    path = site.pinned("zip")
    tail = site.ask(path, headers={"Range": "bytes=-400"}).body  # the directory needs all of them
    opened = Meanwhile(monkeypatch, "nothing")
    assert site.ask(path, headers={"Range": "bytes=-400"}).body == tail
    assert opened.opened == 0
    assert site.ask(path).body.endswith(tail)


def test_a_session_ends_ten_minutes_after_its_last_byte(tmp_path: Path) -> None:
    clock = Clock()
    with archive_site(tmp_path, FEW, clock=clock) as site:
        path = site.start()
        for seconds in (600, 590, 600):
            clock.seconds += seconds
            assert site.part(path, 0, 9).status == 206
        clock.seconds += 601
        answer = site.part(path, 0, 9)
        assert (answer.status, answer.text.count("\n")) == (404, 1)
        clock.seconds += 60
        site.start()
        with site.world.node.zone.database.reading() as db:
            assert db.execute("SELECT count(*) FROM download_session").fetchone()[0] == 1


def test_sessions_and_states_live_on_through_a_restart(tmp_path: Path) -> None:
    clock = Clock()
    with archive_site(tmp_path, FEW, clock=clock) as site:
        session, state, share = site.start("a", format_="zip"), site.pinned("tar"), site.share
        clock.seconds += 300
        wholes = [site.ask(path).body for path in (session, state)]
        clock.seconds += 500
    with archive_site(tmp_path, {}, clock=clock) as site:
        site.share = share
        for path, whole in zip((session, state), wholes, strict=True):
            assert site.part(path, 1000, None).body == whole[1000:]
        clock.seconds += 601
        assert site.ask(session).status == 404


def test_a_session_ends_with_its_share(site: ArchiveSite) -> None:
    path = site.start()
    site.world.node.zone.shares.end(site.owner.caller, site.share)
    assert site.ask(path).status == 404


def test_no_secret_of_a_session_is_in_a_database_or_an_answer(site: ArchiveSite) -> None:
    path = site.start()
    secret = path.split("/")[2]
    assert len(secret) >= 32
    assert secret not in str(site.ask(path).headers.items())
    for file in site.world.node.settings.data.rglob("*"):
        if file.is_file():
            assert secret.encode() not in file.read_bytes()
    with sqlite3.connect(site.world.node.zone.database.path) as db:
        assert db.execute("SELECT digest FROM download_session").fetchall() == [(sha256(secret.encode()).digest(),)]
    db.close()


def test_too_many_sessions_end_the_longest_unused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fs2od.node.provider.sessions._MOST", 3)
    clock = Clock()
    with archive_site(tmp_path, FEW, clock=clock) as site:
        paths = []
        for _ in range(5):
            clock.seconds += 1
            paths.append(site.start())
        assert [site.ask(path).status for path in paths] == [404, 404, 200, 200, 200]


def test_plain_knows_none_of_this(tmp_path: Path) -> None:
    with archive_site(tmp_path, FEW, plain=True) as site:
        for path in ("archive.zip", "archive.tar", "archive/1-0123456789abcdef/set.zip"):
            assert site.ask(f"{site.base}/{path}").status == 404
        assert site.ask("/download/secret/set.zip").status == 404
        for path in ("archive", "bulk"):
            assert site.ask(f"{site.base}/{path}", method="POST", body=b"{}").status == 404


def test_the_content_location_is_an_address_on_the_same_origin(shown: ArchiveSite) -> None:
    where = urlsplit(shown.pinned("zip", "#?%;&+=", "new\nline"))
    assert (where.scheme, where.netloc) == ("", "")
    assert shown.ask(where.geturl()).zip().keys() == shown.present("zip", "#?%;&+=", "new\nline").zip().keys()
