"""Symbolic links from the folder to the user's disk: what mail and page call deliverable comes, and what does not is named."""

from __future__ import annotations

import json
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fs2od.testing import microscope
from fs2od.testing.system import System, wait_for

MADE = {"odd": "d/../ok", "loop": "loop", "d/up": "../ok", "dangling": "nothing"}
LEFT_OUT = (
    "abs (link leaves the dataset)",
    "away (link leaves the dataset)",
    "badtarget (link's target is not UTF-8)",
)


def test_links_are_judged_alike_by_mail_page_node_and_download(system: System, tmp_path: Path) -> None:
    facts = system.start()
    source, made = system.watched / "h2", tmp_path / "made"
    microscope.write(microscope.Session.of_files(13), made, start=datetime.now(UTC), duration=timedelta(0))
    (made / "d").mkdir()
    (made / "ok").write_bytes(b"ok")
    (made / ".running").touch()
    for name, target in {
        **MADE,
        "abs": str(source / "ok"),
        "badtarget": os.fsdecode(b"t\xffx"),
        "away": "../other/ok",
    }.items():
        (made / name).symlink_to(target)
    shutil.move(made, source)
    link = system.wait_for_mail().link
    (source / ".running").unlink()
    said = " ".join(system.wait_for_mail(2).text.split())
    assert f"; 3 cannot: {', '.join(LEFT_OUT)}." in said
    with system.http() as http:
        document = http.get(link, headers={"Accept": "application/json"}).json()
    assert document["undeliverable"] == {"count": 3, "names": list(LEFT_OUT)}

    def brought() -> dict[str, object]:
        done = system.run("download", link, str(tmp_path / "copy"), "--ca", facts["ca"], "--json")
        assert done.returncode == 0, done.stderr
        told: dict[str, object] = json.loads(done.stdout)
        return told

    wait_for(lambda: brought()["sealed"], within_s=60, what="the seal")
    told = brought()
    assert (told["failures"], told["links_left_out"], told["undeliverable_names"]) == ([], [], list(LEFT_OUT))
    links = {path for path in (tmp_path / "copy").rglob("*") if path.is_symlink()}
    assert {str(path.relative_to(tmp_path / "copy")): str(path.readlink()) for path in links} == {**MADE, "odd": "ok"}
    assert (tmp_path / "copy" / "odd").read_bytes() == (tmp_path / "copy" / "d/up").read_bytes() == b"ok"
