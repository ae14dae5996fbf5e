"""Downloads that follow a dataset until it is complete: what grows, is lost for a while, or is damaged meanwhile."""

import os
from dataclasses import replace

import pytest
from tests.transfer.checked_site import BIG, BUSY, CUT, QUICK, Site, site

from fs2od.manifests import (
    SEAL,
)
from fs2od.testing.network import Reply, Request, reply_of
from fs2od.transfer import (
    ConnectionLost,
    report_lines,
)

__all__ = ["site"]


def test_a_download_that_follows_ends_when_the_dataset_is_complete(site: Site) -> None:
    site.offer({"a.mrc": b"a"})
    rounds = 0

    def grow(_: Request) -> Reply:
        nonlocal rounds
        rounds += 1
        if rounds == 3:
            site.offer({"b.mrc": b"b"})
            site.promise({"a.mrc": b"a", "b.mrc": b"b"}, sealed=True)
        return reply_of({"children": site.share.items, "isLast": True, "nextPageToken": None})

    site.share.answers["children of root"] = grow
    report = site.run(replace(QUICK, follow=True, follow_every_s=0.05))
    assert report.summary() == "4 of 4 files, " + report.summary().split(", ", 1)[1]
    assert report.summary().endswith("all intact")
    assert report.sealed
    assert site.found() == {"a.mrc": b"a", "b.mrc": b"b"}


def test_a_download_that_follows_reads_the_disk_again_once_the_dataset_is_complete(site: Site) -> None:
    site.offer({"a.mrc": b"a" * 1000, "big.mrc": BIG})
    site.promise({"a.mrc": b"a" * 1000, "big.mrc": BIG})
    rounds, asked = 0, {}

    def rot(name: str) -> None:
        """Spoil what stands on the disk, which does not notice."""
        facts = (site.out / name).stat()
        with (site.out / name).open("r+b") as file:
            file.write(b"ROTTEN")
        os.utime(site.out / name, ns=(facts.st_atime_ns, facts.st_mtime_ns))

    def grow(_: Request) -> Reply:
        nonlocal rounds
        rounds += 1
        if rounds == 2:
            rot("a.mrc")
            rot("big.mrc")
        elif rounds == 4:
            # What was brought is not read again in every pass.
            asked.update({name: len(site.ranges(name)) for name in ("a.mrc", "big.mrc")})
            del site.share.items[-1]
            site.promise({"a.mrc": b"a" * 1000, "big.mrc": BIG}, sealed=True)
        return reply_of({"children": site.share.items, "isLast": True, "nextPageToken": None})

    site.share.answers["children of root"] = grow
    report = site.run(replace(QUICK, follow=True, follow_every_s=0.05))
    assert (report.exit_code, report.sealed, report.files_intact) == (0, True, 2)
    assert (rounds, asked["a.mrc"]) == (4, 1)
    assert len(site.ranges("a.mrc")) == 2
    assert len(site.ranges("big.mrc")) == asked["big.mrc"] + 1
    assert site.found() == {"a.mrc": b"a" * 1000, "big.mrc": BIG}


FOLLOWING = replace(QUICK, follow=True, follow_every_s=0.02)


@pytest.mark.parametrize("answer", [BUSY, CUT], ids=["503", "cut"])
def test_a_download_that_follows_outlasts_listings_that_are_lost(site: Site, answer: Reply) -> None:
    site.offer({"a.mrc": b"a"})
    rounds = 0

    def grow(_: Request) -> Reply:
        nonlocal rounds
        rounds += 1
        if 2 <= rounds < 2 + 2 * QUICK.patience.tries:
            return answer
        if rounds == 2 + 2 * QUICK.patience.tries:
            site.promise({"a.mrc": b"a"}, sealed=True)
        return reply_of({"children": site.share.items, "isLast": True, "nextPageToken": None})

    site.share.answers["children of root"] = grow
    report = site.run(FOLLOWING)
    assert (report.exit_code, report.sealed, report.files_intact, report.failures) == (0, True, 1, ())


@pytest.mark.parametrize("answer", [BUSY, CUT], ids=["503", "cut"])
def test_a_download_that_follows_ends_with_a_report_when_the_service_stays_away(site: Site, answer: Reply) -> None:
    site.offer({"a.mrc": b"a"})
    site.promise({"a.mrc": b"a"})
    rounds = 0

    def vanish(_: Request) -> Reply:
        nonlocal rounds
        rounds += 1
        if rounds > 1:
            return answer
        return reply_of({"children": site.share.items, "isLast": True, "nextPageToken": None})

    site.share.answers["children of root"] = vanish
    report = site.run(FOLLOWING)
    assert report.exit_code == 4
    if answer is CUT:
        assert isinstance(report.stopped_by, ConnectionLost)
        assert (report.files_total, report.files_intact) == (2, 1)
    assert report_lines(report, "out", again="again")[-1] == "To go on: again"


@pytest.mark.parametrize("passes", [True, False])
def test_a_download_that_follows_does_not_wait_for_ever_for_a_manifest_that_is_damaged(
    site: Site, passes: bool
) -> None:
    site.offer({"a.mrc": b"a"})
    site.promise({"a.mrc": b"a"}, sealed=True)
    right, looks = site.share.contents[SEAL], 0

    def look(_: Request) -> Reply:
        nonlocal looks
        looks += 1
        site.share.contents[SEAL] = right if passes and looks == QUICK.patience.tries else b"x" * len(right)
        return reply_of({"children": site.share.items, "isLast": True, "nextPageToken": None})

    site.share.answers["children of root"] = look
    report = site.run(FOLLOWING)
    assert (report.exit_code, report.sealed) == ((0, True) if passes else (8, False))
    assert looks == QUICK.patience.tries
    if not passes:
        assert "the manifest cannot be used to its end: sealed.json: " in report.summary()


def test_a_download_that_follows_goes_on_while_a_part_is_damaged_in_a_dataset_that_grows(site: Site) -> None:
    site.offer({"a.mrc": b"a", "b.mrc": b"b"})
    site.promise({"a.mrc": b"a", "b.mrc": b"b"}, parts=2)
    right, looks = site.share.contents["000002.jsonl"], 0
    site.share.contents["000002.jsonl"] = b"x" * len(right)

    def look(_: Request) -> Reply:
        nonlocal looks
        looks += 1
        if looks == 3 * QUICK.patience.tries:
            del site.share.items[-1]
            site.promise({"a.mrc": b"a", "b.mrc": b"b"}, parts=2, sealed=True)
        return reply_of({"children": site.share.items, "isLast": True, "nextPageToken": None})

    site.share.answers["children of root"] = look
    report = site.run(FOLLOWING)
    assert (report.exit_code, report.sealed, report.files_intact) == (0, True, 2)
