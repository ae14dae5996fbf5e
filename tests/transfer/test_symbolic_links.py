"""Symbolic links on the user's disk: made where they lead to a place of the dataset, told where they do not, and never a way out."""

import json
import os
from pathlib import Path

import pytest

from fs2od.testing.downloading import publish
from fs2od.testing.network import HostileShare, listed
from fs2od.testing.world import ServedWorld
from fs2od.transfer import Download, Options, Patience, Report, estimate_line, parse_link

QUICK = Options(jobs=2, patience=Patience(tries=4, first_pause_s=0.01, longest_pause_s=0.05))


def bring(link: str, out: Path, options: Options = QUICK) -> Report:
    return Download(parse_link(link), out, options).run()


def linked(name: str, target: str) -> dict[str, object]:
    return {**listed(name, len(target)), "type": "SYMLNK", "symlinkValue": target}


def standing(out: Path) -> dict[str, str]:
    return {str(path.relative_to(out)): str(path.readlink()) for path in out.rglob("*") if path.is_symlink()}


def test_links_that_stay_in_a_dataset_are_made_in_one_go_and_stay_at_the_next(
    world: ServedWorld, tmp_path: Path
) -> None:
    published = publish(world, {"ok": b"ok", "d/e/file": b"file"})
    links = {
        "loop": "loop",
        "odd": "d/../ok",
        "d/up": "../ok",
        "deep": "d/e",
        "through": "deep/../e/file",
        "dangling": "no",
    }
    for name, target in {**links, "abs": str(published.folder / "ok"), "out": "../x"}.items():
        (published.folder / name).symlink_to(target)
    (published.folder / "bad").symlink_to(os.fsdecode(b"t\xffx"))
    world.rescan(published.dataset.space)
    options = Options(jobs=2, ca_file=str(world.ca))
    for _ in range(2):
        report = bring(published.link, tmp_path / "out", options)
        assert (report.exit_code, report.failures) == (0, ())
        made = standing(tmp_path / "out")
        assert made == {**links, "odd": "ok", "through": "d/e/file"}
    assert (tmp_path / "out/odd").read_bytes() == b"ok"
    assert (tmp_path / "out/through").read_bytes() == b"file"
    _, named = world.node.provider.imports.undeliverable(published.dataset.space)
    assert dict(named) == {
        "abs": "link leaves the dataset",
        "bad": "link's target is not UTF-8",
        "out": "link leaves the dataset",
    }


def test_links_that_lead_out_are_counted_and_named_and_are_no_failure(tmp_path: Path) -> None:
    links = {"abs": "/etc/passwd", "out": "../x", "winding": "a/../../x", "fine": "a"}
    with HostileShare([listed("a", 1), *(linked(*each) for each in links.items())], {"a": b"a"}) as share:
        said = estimate_line(Download(parse_link(share.link), tmp_path / "out", QUICK).estimate())
        report = bring(share.link, tmp_path / "out", Options(jobs=2, with_files=True))
    assert "; 2 symbolic links left out: abs: link leaves the download" in said
    assert report.exit_code == 0
    assert report.summary().endswith(
        "; 3 symbolic links left out: abs: link leaves the download, out: link leaves the download, "
        "winding: link leaves the download"
    )
    told = json.loads(json.dumps(report.document("out")))
    assert told["complete"]
    assert [each["path"] for each in told["links_left_out"]] == ["abs", "out", "winding"]
    assert told["failures"] == []
    assert {file.path: file.state for file in report.files}["abs"] == "left out"
    assert standing(tmp_path / "out") == {"fine": "a"}


@pytest.mark.parametrize("stands", ["/", "..", "../.."])
def test_no_link_that_is_made_leads_out_through_one_that_stands_there(tmp_path: Path, stands: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine").symlink_to(stands)
    links = {"one": "mine/etc", "two": "mine", "three": "mine/../x", "four": "a/../mine/x"}
    with HostileShare([listed("a", 1), *(linked(*each) for each in links.items())], {"a": b"a"}) as share:
        report = bring(share.link, out)
    assert report.exit_code == 0
    assert len(report.left_out) == 4
    assert standing(out) == {"mine": stands}


def test_links_that_lead_out_only_together_do_not(tmp_path: Path) -> None:
    links = {"here": ".", "esc": "here/../../x", "two": "here/..", "three": "two/x", "fine": "here/a"}
    with HostileShare([listed("a", 1), *(linked(*each) for each in links.items())], {"a": b"a"}) as share:
        report = bring(share.link, tmp_path / "out")
    assert standing(tmp_path / "out") == {"here": ".", "fine": "here/a"}
    assert [failure.path for failure in report.left_out] == [("esc",), ("three",), ("two",)]


def test_a_link_that_says_something_else_on_the_disk_stays_and_is_told_as_the_disks_affair(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name in ("straight", "winding"):
        (out / name).symlink_to("b")
    links = [linked("straight", "a"), linked("winding", "c/../a")]
    with HostileShare([listed("a", 1), *links], {"a": b"a"}) as share:
        report = bring(share.link, out)
    assert report.exit_code == 7
    assert [failure.reason for failure in report.missing] == ["a symbolic link stands in its place on the disk"] * 2
    assert standing(out) == {"straight": "b", "winding": "b"}
