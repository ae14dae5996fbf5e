"""What a mirror has and the dataset does not list: what is to go, what may be the dataset's all the same, and how it is told."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fs2od.testing.network import HostileShare, Reply, listed, reply_of
from fs2od.transfer import Busy, EntryKind, Extra, Mirror, Options, Patience, extras_document, parse_link, shown_path

METADATA = "/api/v3/onezone/shares/data/root/metadata/json"
LATIN = os.fsdecode(b"bad\xff.tiff")


def said(count: int, *names: str) -> Reply:
    return reply_of({"fs2od": {"undeliverable": count, "undeliverable_names": names}})


def offered(answer: Reply) -> HostileShare:
    share = HostileShare([listed("a.mrc", 1)], {"a.mrc": b"a"})
    share.answers[METADATA] = lambda _: answer
    return share


def copied_by_hand(out: Path) -> None:
    """Put what a dataset may have, and nobody can deliver, beside what it has not."""
    (out / LATIN).write_bytes(b"x")
    (out / "out").symlink_to("/somewhere/else")
    (out / "in").symlink_to("a.mrc")
    os.mkfifo(out / "pipe")
    (out / "mine.txt").write_bytes(b"x")
    (out / "closed").mkdir()
    (out / "closed/x").write_bytes(b"x")


def judged(share: HostileShare, out: Path) -> tuple[set[str], set[str]]:
    """Mirror, remove what is too much, and return what was to go and what was kept; all of that still stands there."""
    mirror = Mirror(parse_link(share.link), out, Options())
    assert mirror.run().exit_code == 0
    copied_by_hand(out)
    extras = mirror.extras()
    mirror.remove(extras)
    kept = {each.path[0] for each in extras if each.why_kept}
    assert {each.name for each in out.iterdir()} == kept | {"a.mrc", ".fs2od-mirror"}
    return {each.path[0] for each in extras if not each.why_kept}, kept


ALL = {LATIN, "out", "in", "pipe", "mine.txt", "closed"}


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (said(0), {LATIN}),
        (said(2, "bad\\xff.tiff (name is not UTF-8)", "out (link leaves the dataset)"), {LATIN, "out"}),
        (said(2, "closed (may not be read)", "pipe (special file)"), {LATIN, "closed", "pipe"}),
        (said(1, "closed/x (may not be read)"), {LATIN, "closed"}),
        (said(21, "z (special file)"), ALL),
        (reply_of({}, status=404), {LATIN, "out", "pipe"}),
        (reply_of({"fs2od": {"state": "acquiring"}}), {LATIN, "out", "pipe"}),
    ],
    ids=["nothing", "some", "others", "below", "not all named", "no word", "growing"],
)
def test_what_nobody_can_deliver_is_kept_as_far_as_it_can_be_told(
    tmp_path: Path, answer: Reply, kept: set[str]
) -> None:
    with offered(answer) as share:
        assert judged(share, tmp_path) == (ALL - kept, kept)


def test_nothing_is_found_while_nobody_answers_what_cannot_be_delivered(tmp_path: Path) -> None:
    options = Options(patience=Patience(tries=2, first_pause_s=0.01, longest_pause_s=0.01))
    with offered(reply_of({}, status=503)) as share:
        mirror = Mirror(parse_link(share.link), tmp_path, options)
        assert mirror.run().exit_code == 0
        with pytest.raises(Busy):
            mirror.extras()


def test_the_command_says_what_it_keeps_and_a_rehearsal_holds_all_of_it(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "fs2od", "mirror"]
    with offered(said(0)) as share:
        assert Mirror(parse_link(share.link), tmp_path, Options()).run().exit_code == 0
        copied_by_hand(tmp_path)
        command = [*words, share.link, str(tmp_path), "--delete", "--dry-run", "--json"]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
    assert "  bad\\xff.tiff: its name is not UTF-8\n" in ended.stderr
    assert "  mine.txt\n" in ended.stderr
    told = json.loads(ended.stdout)["extras"]
    assert told.pop("paths") == ["closed/", "in", "mine.txt", "out", "pipe"]
    assert told == {
        "count": 5,
        "files": 5,
        "bytes": 2,
        "kept_count": 1,
        "kept": [{"path": "bad\\xff.tiff", "reason": "its name is not UTF-8"}],
    }
    assert (tmp_path / "mine.txt").exists()


def test_of_many_a_few_are_named() -> None:
    extras = [Extra((f"{number}",), EntryKind.FILE, 1, 1) for number in range(500)]
    told = extras_document(extras)
    assert (told["count"], told["files"], len(str(told["paths"]).split(","))) == (500, 500, 100)


def test_bytes_that_are_not_utf_8_are_written_out() -> None:
    assert shown_path(("Grids", LATIN)) == "Grids/bad\\xff.tiff"
