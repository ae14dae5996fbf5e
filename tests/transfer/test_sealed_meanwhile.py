"""Downloads of a dataset that is sealed just while it is looked at: what was listed before the seal does not count for all there is."""

from dataclasses import replace

import pytest
from tests.transfer.checked_site import QUICK, Site, site

from fs2od.manifests import SEAL, SIDECAR, part_name
from fs2od.testing.network import Reply, Request, listed, reply_of
from fs2od.transfer import Options

__all__ = ["site"]

BEFORE = {"a.mrc": b"a", "SPA.yml": b"of now"}
AFTER = {"a.mrc": b"a", "SPA.yml": b"of the end", "b.mrc": b"bb"}
LATE = b"ccc"
INSIDE = f"children of id-{SIDECAR}"
PART = f"content of id-{part_name(1)}"
TRIES = 3
FOLLOWING = replace(QUICK, follow=True, follow_every_s=0.02)


@pytest.fixture
def growing(site: Site) -> Site:
    """A dataset that grows, of which everything has been brought before."""
    site.offer(BEFORE)
    site.promise(BEFORE)
    report = site.run()
    assert (report.exit_code, report.sealed) == (0, False), report.summary()
    return site


def complete(site: Site) -> None:
    """Let the last files come, one of them into a folder that is new, one in the place of another, and then the seal."""
    site.share.contents.update({**AFTER, "c.mrc": LATE})
    site.share.items[:] = [listed(name, len(data)) for name, data in AFTER.items()]
    site.share.items.append(listed("late", kind="DIR"))
    site.serve_folder("late", [listed("c.mrc", len(LATE))])
    site.promise({**AFTER, "late/c.mrc": LATE}, sealed=True)


@pytest.mark.parametrize("options", [QUICK, FOLLOWING], ids=["once", "following"])
def test_what_came_between_the_listing_of_the_root_and_the_seal_is_brought(growing: Site, options: Options) -> None:
    def answer(request: Request) -> Reply:
        complete(growing)
        return growing.share.answers[INSIDE](request)

    growing.share.answers[INSIDE] = answer
    report = growing.run(options)
    assert (report.exit_code, report.sealed) == (0, True), (report.summary(), report.failures)
    assert report.summary().startswith("6 of 6 files, "), report.summary()
    assert report.summary().endswith("all intact"), report.summary()
    assert everything(growing)


@pytest.mark.parametrize("options", [QUICK, FOLLOWING], ids=["once", "following"])
def test_what_is_sealed_while_its_manifest_is_read_is_complete_with_the_next_look(
    growing: Site, options: Options
) -> None:
    damaged, tries = bytes(len(growing.share.contents[part_name(1)])), 0

    def answer(_: Request) -> Reply:
        nonlocal tries
        tries += 1
        if tries == TRIES:
            complete(growing)
            del growing.share.answers[PART]
        return reply_of(damaged)

    growing.share.answers[PART] = answer
    report = growing.run(options)
    assert (report.exit_code, report.sealed) == (0, options.follow), (report.summary(), report.failures)
    assert not options.follow or everything(growing)


def everything(site: Site) -> bool:
    """Say whether all has come, and the seal with it."""
    seal = site.out / SIDECAR / SEAL
    late = site.out / "late/c.mrc"
    return (site.found(), late.read_bytes(), seal.read_bytes()) == (AFTER, LATE, site.share.contents[SEAL])
