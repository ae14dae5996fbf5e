"""Disks that take several names for one: what is in the dataset stays in its mirror, whatever the disk calls it."""

import unicodedata
from pathlib import Path

import pytest

from fs2od.testing.folding_disks import Folding, folding_disk
from fs2od.testing.network import HostileShare, listed, reply_of
from fs2od.transfer import Mirror, Options, parse_link

COMPOSED = "Grön.mrc"
APART = unicodedata.normalize("NFD", COMPOSED)


@pytest.mark.parametrize(
    ("folding", "there", "name"),
    [(Folding.CASE, "movie.MRC", "Movie.mrc"), (Folding.FORM_D, APART, COMPOSED)],
    ids=["case", "form D"],
)
def test_what_the_disk_calls_otherwise_is_brought_once_and_is_no_extra(
    tmp_path: Path, folding: Folding, there: str, name: str
) -> None:
    disk, behind = tmp_path / "disk", tmp_path / "behind"
    disk.mkdir()
    behind.mkdir()
    (behind / there).write_bytes(b"old")
    with (
        HostileShare([listed(name, 4), listed("plain", 1)], {name: b"mnew", "plain": b"p"}) as share,
        folding_disk(disk, behind, folding),
    ):
        mirror = Mirror(parse_link(share.link), disk, Options())
        assert mirror.run().exit_code == 0
        assert (behind / there).read_bytes() == b"mnew"
        again = mirror.run()
        assert (again.exit_code, again.files_fetched, again.files_present) == (0, 0, 2)
        assert mirror.estimate().files == 0
        (disk / "mine").write_bytes(b"x")
        extras = mirror.extras()
        assert [each.path for each in extras] == [("mine",)]
        mirror.remove(extras)
    assert sorted(each.name for each in behind.iterdir()) == sorted([".fs2od-mirror", there, "plain"])


@pytest.mark.parametrize(
    ("folding", "other", "how"),
    [(Folding.CASE, "GRÖN.mrc", "case"), (Folding.FORM_D, APART, "how its letters are composed")],
    ids=["case", "form D"],
)
def test_of_two_names_that_the_disk_takes_for_one_the_second_is_named_and_the_first_stays(
    tmp_path: Path, folding: Folding, other: str, how: str
) -> None:
    disk, behind = tmp_path / "disk", tmp_path / "behind"
    disk.mkdir()
    behind.mkdir()
    with (
        HostileShare([listed(COMPOSED, 4), listed(other, 6)], {COMPOSED: b"this", other: b"second"}) as share,
        folding_disk(disk, behind, folding),
    ):
        (disk / "ä").touch()
        mirror = Mirror(parse_link(share.link), disk, Options())
        for report in (mirror.run(), mirror.run()):
            (failure,) = report.failures
            assert (report.exit_code, failure.path) == (7, (other,))
            assert str(failure.error).startswith(f"another name in its folder differs from it only in {how}, ")
        assert [each.path for each in mirror.estimate().failures] == [(other,)]
        assert (disk / COMPOSED).read_bytes() == b"this"
    assert len(list(behind.glob("*.mrc"))) == 1


def test_a_folder_that_folds_names_by_itself_is_asked_itself(tmp_path: Path) -> None:
    inside, behind = tmp_path / "to" / "sub", tmp_path / "behind"
    inside.mkdir(parents=True)
    behind.mkdir()
    contents = {"Movie.mrc": b"this", "movie.MRC": b"second"}
    with (
        HostileShare([listed("sub", kind="DIR")], contents) as share,
        folding_disk(inside, behind, Folding.CASE),
    ):
        children = [listed(name, len(content)) for name, content in contents.items()]
        share.answers["children of id-sub"] = lambda _: reply_of({"children": children, "isLast": True})
        mirror = Mirror(parse_link(share.link), tmp_path / "to", Options())
        for report in (mirror.run(), mirror.run(), mirror.estimate()):
            assert [each.path for each in report.failures] == [("sub", "movie.MRC")]
    assert [each.read_bytes() for each in behind.iterdir()] == [b"this"]
