"""Releases of Onedata that tell the public less of files, or call it otherwise: everything is brought all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from fs2od.testing.network import HostileShare, Reply, Request, asked_for, listed, reply_of
from fs2od.transfer import Download, Options, Patience, Report, parse_link

CONTENTS = {"movie.mrc": b"0123456789" * 100, "SPA.yml": b"User: {}\n"}
QUICK = Options(jobs=2, patience=Patience(tries=3, first_pause_s=0.01, longest_pause_s=0.02))
OLD_KEYS = {"fileId": "file_id", "posixPermissions": "mode"}


@pytest.fixture
def share() -> Iterator[HostileShare]:
    items = [listed(name, len(data), posixPermissions="640") for name, data in CONTENTS.items()]
    with HostileShare(items, CONTENTS) as found:
        yield found


def brought(share: HostileShare, out: Path) -> Report:
    report = Download(parse_link(share.link), out, QUICK).run()
    assert {path.name: path.read_bytes() for path in out.iterdir()} == CONTENTS
    return report


def always(document: Mapping[str, object]) -> Callable[[Request], Mapping[str, object]]:
    return lambda _: document


def allowing(share: HostileShare, allowed: set[str]) -> None:
    """Let the service refuse to be asked for other attributes, as Onedata does."""
    refusal = {
        "id": "badValueNotAllowed",
        "description": "no",
        "details": {"key": "attributes", "allowed": sorted(allowed)},
    }

    def judged(honest: Callable[[Request], Mapping[str, object]]) -> Callable[[Request], Reply]:
        def answer(request: Request) -> Reply:
            wanted = asked_for(request).get("attributes", [])
            if set(wanted) - allowed:
                return reply_of({"error": refusal}, status=400)
            return reply_of(honest(request))

        return answer

    def children(request: Request) -> Mapping[str, object]:
        wanted = asked_for(request).get("attributes", ["fileId", "name"])
        return {"children": [{key: item[key] for key in wanted if key in item} for item in share.items], "isLast": True}

    share.answers["children of root"] = judged(children)
    share.answers["facts of root"] = judged(lambda _: listed("root", kind="DIR", fileId="root"))
    for item in share.items:
        share.answers[f"facts of {item['fileId']}"] = judged(always(item))


def test_less_is_asked_for_where_the_public_is_told_less(share: HostileShare, tmp_path: Path) -> None:
    allowing(share, {"fileId", "parentFileId", "name", "atime", "mtime", "ctime", "type", "size", "index"})
    assert brought(share, tmp_path / "out").exit_code == 0
    asked = [request for request in share.asked if request.path.endswith("/children")]
    # Learnt once.
    assert len(asked) <= 2


def test_nothing_is_asked_for_by_name_where_no_name_is_known(share: HostileShare, tmp_path: Path) -> None:
    allowing(share, set())
    assert brought(share, tmp_path / "out").exit_code == 0


def test_the_words_of_older_releases_are_understood(share: HostileShare, tmp_path: Path) -> None:
    items = [{OLD_KEYS.get(key, key): value for key, value in item.items()} | {"type": "reg"} for item in share.items]
    share.answers["children of root"] = lambda _: reply_of({"children": items, "isLast": True, "nextPageToken": None})
    assert brought(share, tmp_path / "out").exit_code == 0
