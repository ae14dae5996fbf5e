"""Many files in one answer, in the order in which they were asked for, over TLS."""

from __future__ import annotations

import http.client
import io
import json
import tarfile

import pytest
from tests.node.archive_site import FEW, HOSTILE, ArchiveSite, Meanwhile, shown, site

__all__ = ["shown", "site"]

MIB = 1 << 20


def test_a_bulk_has_exactly_the_files_that_were_asked_for_in_that_order(shown: ArchiveSite) -> None:
    wanted = [*reversed(HOSTILE), "plain.mrc"]
    answer = shown.bulk(wanted)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/x-tar")
    assert "Content-Length" not in answer.headers

    with tarfile.open(fileobj=io.BytesIO(answer.body)) as archive:
        assert archive.getnames() == wanted
    assert answer.tar() == HOSTILE


def test_a_bulk_is_compressed_for_whoever_asks_for_that(site: ArchiveSite) -> None:
    answer = site.bulk(["four", "a/one"], gzip=True)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/gzip")
    with tarfile.open(fileobj=io.BytesIO(answer.body), mode="r:gz") as archive:
        assert archive.getnames() == ["four", "a/one"]


def test_a_bulk_names_what_it_cannot_give(site: ArchiveSite) -> None:
    (site.folder / "link").symlink_to("a/one")
    (site.folder / "out").symlink_to("b")
    site.add("gone", b"gone")
    site.rescan()
    (site.folder / "gone").unlink()
    odd = ["nowhere", "../four", "a", "", "/four", "a/../four", "x/" * 3000, "gone", "out", "a/\0", "ü\n"]
    found = site.bulk(["four", *odd, "a/two", "link"]).tar()

    missing = json.loads(found.pop(".fs2od-missing"))
    assert found == {"four": FEW["four"], "a/two": FEW["a/two"], "link": FEW["a/one"]}
    assert [path for path, _ in missing] == odd
    assert {reason for _, reason in missing} == {"does not exist or may not be read", "is no file", "cannot be read"}


def test_a_bulk_gives_a_file_as_it_is_now(site: ArchiveSite) -> None:
    site.add("four", b"longer than it was")
    assert site.bulk(["four"]).tar() == {"four": b"longer than it was"}


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 400), (b"[]", 400), (b'{"paths": [1]}', 400), (b'{"paths": "a"}', 400), (b'{"paths": ["\\ud800"]}', 400), (b"\xff", 400),
     (b'{"paths": [' + b",".join([b'"a"'] * 20_001) + b"]}", 413), (b" " * 9 * MIB, 413)],
)  # fmt: skip
def test_a_bulk_request_that_is_none_is_refused(site: ArchiveSite, body: bytes, status: int) -> None:
    answer = site.ask(f"{site.base}/bulk", method="POST", body=body)
    assert (answer.status, answer.text.count("\n")) == (status, 1)


def test_an_ended_share_cuts_a_bulk(site: ArchiveSite, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        site.add(f"large {number}", bytes(10 * MIB))
    site.rescan()
    meanwhile = Meanwhile(monkeypatch, "large 3")
    body = b'{"paths": ["large 0", "large 1", "large 2", "large 3"]}'
    with site.opened(f"{site.base}/bulk", method="POST", body=body) as answer:
        answer.read(MIB)
        site.world.node.zone.shares.end(site.owner.caller, site.share)
        meanwhile.harm.set()
        with pytest.raises(http.client.IncompleteRead):
            answer.read()
