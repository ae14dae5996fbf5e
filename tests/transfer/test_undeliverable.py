"""What the facility says that nobody can deliver is told by a download: no failure, and never a danger."""

import json
import os
import ssl
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from fs2od.testing.downloading import publish
from fs2od.testing.network import HostileShare, Reply, listed, reply_of
from fs2od.testing.world import ServedWorld
from fs2od.transfer import Download, Options, Patience, bundle, estimate_line, parse_link, report_lines, write_report

METADATA = "/api/v3/onezone/shares/data/root/metadata/json"
NAMES = ["Grids/bad?.tiff (its name is not UTF-8)", "pipe (a pipe)"]
SAID = {"Sample": "apoferritin", "fs2od": {"state": "complete", "undeliverable": 2, "undeliverable_names": NAMES}}
QUICK = Options(jobs=2, patience=Patience(tries=4, first_pause_s=0.01, longest_pause_s=0.05))


def offered(answer: Reply) -> HostileShare:
    share = HostileShare([listed("a.mrc", 1000), listed("b.txt", 1)], {"a.mrc": b"a" * 1000, "b.txt": b"b"})
    share.answers[METADATA] = lambda _: answer
    return share


def own(**said: object) -> Reply:
    return reply_of({"fs2od": said})


def test_the_summary_the_report_and_the_estimate_count_and_name_it(tmp_path: Path) -> None:
    with offered(reply_of(SAID)) as share:
        estimate = Download(parse_link(share.link), tmp_path / "out", QUICK).estimate()
        report = Download(parse_link(share.link), tmp_path / "out", replace(QUICK, with_files=True)).run()
    assert report.exit_code == 0
    said = f"2 of 4 files, 1.00 kB, checked by size only; 2 cannot be delivered: {', '.join(NAMES)}"
    assert report.summary() == said
    assert report_lines(report, "out", again="") == [f"{said} (out)"]
    assert estimate_line(estimate).endswith(f"; 2 cannot be delivered: {', '.join(NAMES)}")
    write_report(str(tmp_path / "report.json"), report, "out")
    told = json.loads((tmp_path / "report.json").read_text())
    assert told["complete"]
    for document in (told, estimate.document()):
        assert (document["undeliverable"], document["undeliverable_names"]) == (2, NAMES)


def test_many_are_counted_and_a_few_named(tmp_path: Path) -> None:
    names = [f"name {number}" for number in range(20)]
    with offered(own(undeliverable=1234, undeliverable_names=names)) as share:
        report = Download(parse_link(share.link), tmp_path / "out", QUICK).run()
    assert report.summary().endswith("; 1,234 cannot be delivered: name 0, name 1, name 2, and 1,231 more")
    assert report.document("out")["undeliverable_names"] == names


def test_where_a_part_was_asked_for_it_is_said_of_the_whole(tmp_path: Path) -> None:
    with offered(reply_of(SAID)) as share:
        report = Download(parse_link(share.link), tmp_path / "out", replace(QUICK, include=("*.mrc",))).run()
    assert report.summary().startswith("1 of 1 files")
    assert "; of the whole dataset, 2 cannot be delivered: Grids/bad?.tiff" in report.summary()


@pytest.mark.parametrize(
    "answer",
    [
        reply_of({"error": {"id": "posix", "description": "", "details": {"errno": "enodata"}}}, status=400),
        reply_of({}, status=503),
        reply_of(b"no json"),
        reply_of(b"[" * 100_000),
        reply_of(b'{"fs2od": {"undeliverable": ' + b"9" * 100_000 + b"}}"),
        reply_of(b'{"fs2od": {"undeliverable": 1}}' + b" " * 1_000_000),
        reply_of([SAID]),
        reply_of({"fs2od": [1]}),
        own(undeliverable="1"),
        own(undeliverable=True),
        own(undeliverable=-1),
        own(undeliverable=1.5),
        own(undeliverable_names=NAMES),
    ],
    ids=range(13),
)
def test_metadata_of_any_kind_hurt_no_download(tmp_path: Path, answer: Reply) -> None:
    with offered(answer) as share:
        report = Download(parse_link(share.link), tmp_path / "out", QUICK).run()
    assert (report.exit_code, report.summary()) == (0, "2 of 2 files, 1.00 kB, checked by size only")


def test_hostile_names_are_shown_on_one_line_and_not_endlessly(tmp_path: Path) -> None:
    names = [7, "a\n\x1b[2Jb\u202e", "x" * 50_000, *["more"] * 500]
    with offered(own(undeliverable=400, undeliverable_names=names)) as share:
        report = Download(parse_link(share.link), tmp_path / "out", QUICK).run()
    assert report.summary().isprintable()
    assert len(report.summary()) < 1_000
    assert report.undeliverable.names[0] == "a\\n\\x1b[2Jb\\u202e"
    assert len(report.undeliverable.names) == 100
    with offered(own(undeliverable=3, undeliverable_names={"a": 1})) as share:
        report = Download(parse_link(share.link), tmp_path / "other", QUICK).run()
    assert report.summary().endswith("; 3 cannot be delivered")


def test_a_node_says_it_to_whoever_has_the_link_also_by_the_single_file(world: ServedWorld, tmp_path: Path) -> None:
    published = publish(world, {"a.mrc": b"a"})
    Path(os.fsdecode(os.fsencode(published.folder) + b"/bad\xff.tiff")).write_bytes(b"x")
    world.rescan(published.dataset.space)
    said = {"fs2od": {"undeliverable": 1, "undeliverable_names": ["bad?.tiff (its name is not UTF-8)"]}}
    root = world.id_of(published.dataset)
    url = f"{world.node.settings.provider_url}/api/v3/oneprovider/data/{root}/metadata/json"
    with httpx.Client(verify=ssl.create_default_context(cafile=world.ca), trust_env=False) as client:
        client.put(url, json=said, headers=world.administrator.headers).raise_for_status()
    (tmp_path / "get.py").write_text(bundle())
    words = [tmp_path / "get.py", published.link, tmp_path / "out", "--ca", world.ca]
    run = subprocess.run(
        [sys.executable, "-I", "-S", *map(str, words)], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stderr
    assert "4 of 5 files, " in run.stderr  # with the manifest
    assert "; 1 cannot be delivered: bad?.tiff (its name is not UTF-8) (" in run.stderr
