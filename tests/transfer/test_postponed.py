"""A service that is started again and again: what was given up meanwhile is asked for once more when it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.transfer.checked_site import BUSY, FEW, QUICK, Site, honest, site

from fs2od.manifests import PIECE_BYTES
from fs2od.testing.network import Reply, Request, listed, reply_of
from fs2od.transfer import Patience

__all__ = ["site"]

LARGE = bytes(PIECE_BYTES + 1)
OPTIONS = replace(QUICK, jobs=2)


def away_until_asked_again(site: Site, whole: Callable[[Request], Reply]) -> Callable[[Request], Reply]:
    """Return what has no time until somebody asks again whether the service is there."""
    was_away, is_there = False, False

    def facts(_: Request) -> Reply:
        nonlocal is_there
        is_there = was_away
        return reply_of({**listed("share", kind="DIR"), "fileId": "root"})

    def answer(request: Request) -> Reply:
        nonlocal was_away
        was_away = True
        return whole(request) if is_there else BUSY

    site.share.answers["facts of root"] = facts
    return answer


@pytest.mark.parametrize("promised", [True, False])
@pytest.mark.parametrize("content", [b"small", LARGE], ids=["small", "large"])
def test_a_file_that_was_given_up_comes_once_the_service_answers(site: Site, content: bytes, promised: bool) -> None:
    files = {**FEW, "late": content}
    site.offer(files)
    if promised:
        site.promise(files)
    site.share.answers["content of id-late"] = away_until_asked_again(site, lambda it: honest(site, it, "late"))
    report = site.run(OPTIONS)
    assert (report.exit_code, report.failures) == (0, ())
    assert site.found() == files
    assert report.files_intact == (len(files) if promised else 0)


def test_a_folder_that_was_given_up_is_listed_once_the_service_answers(site: Site) -> None:
    site.offer({**FEW, "deep": b"deep"})
    *few, deep = site.share.items
    site.share.items[:] = [*few, listed("folder", kind="DIR")]
    page = reply_of({"children": [deep], "isLast": True, "nextPageToken": None})
    site.share.answers["children of id-folder"] = away_until_asked_again(site, lambda _: page)
    report = site.run(OPTIONS)
    assert (report.exit_code, report.files_fetched) == (0, len(FEW) + 1)
    assert (site.out / "folder" / "deep").read_bytes() == b"deep"


def test_what_never_comes_is_asked_for_once_more_and_has_failed(site: Site) -> None:
    site.offer({**FEW, "late": b"never"})
    site.share.answers["content of id-late"] = lambda _: BUSY
    report = site.run(OPTIONS)
    assert (report.exit_code, [failure.path for failure in report.failures]) == (4, [("late",)])
    assert report.files_fetched == len(FEW)
    assert len(site.ranges("late")) <= 2 * 4 * OPTIONS.patience.tries


def test_patience_outlasts_a_node_that_is_started_after_its_longest_pause() -> None:
    # `fs2od up` starts what was killed again and again after half a minute at most; the pauses are at random a third shorter.
    patience = Patience()
    pauses = [patience.pause_s(misses) for misses in range(1, patience.tries)]
    assert sum(pauses) * (1 - patience.jitter) > 30.0 + 15.0
    assert sum(pauses) < 90.0
