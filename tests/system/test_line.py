"""The main job, end to end, between real processes: folder, node, share, mail, page, download."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fs2od.manifests import SIDECAR
from fs2od.testing import microscope
from fs2od.testing.system import System, tree, wait_for

FILES = 200
FOR_MEMBERS_ONLY = ("SPA.yml", "fs2od-access.yml")


def _session() -> microscope.Session:
    return microscope.Session.of_files(FILES, total_bytes=20_000_000)


def test_a_dataset_of_200_files_goes_from_the_folder_to_the_users_disk_with_equal_bytes(
    system: System, tmp_path: Path
) -> None:
    facts = system.start()
    assert facts["portal"] == facts["zone"]
    source = system.record(_session(), "20261123_krios")

    mail = system.wait_for_mail()
    assert mail.message["To"] == "alex@example.org" or "example" in mail.message["To"]
    with system.http() as http:
        page = http.get(mail.link)
        assert page.status_code == 200
        assert "fs2od download" in page.text
        # All but the metadata file, which is for members.
        figure = f'data-word="files">{FILES - 1}<'
        wait_for(lambda: figure in http.get(mail.link).text, within_s=60, what="the count on the page")
        assert "SPA.yml" not in http.get(f"{mail.link}/files").text
    system.wait_for_mail(2)

    done = system.run("download", mail.link, str(tmp_path / "copy"), "--ca", facts["ca"], "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)
    got = _data(tmp_path / "copy")
    wanted = {path: digest for path, digest in _data(source).items() if path not in FOR_MEMBERS_ONLY}
    assert got == wanted
    assert system.stop() == 0


@pytest.mark.timeout(300)
def test_it_stops_cleanly_and_starts_again_where_it_was(system: System, tmp_path: Path) -> None:
    system.start()
    source = system.record(microscope.Session.of_files(30), "dataset one")
    link = system.wait_for_mail().link
    system.wait_for_mail(2)
    assert system.stop() == 0

    system.start()
    with system.http() as http:
        assert http.get(link).status_code == 200
        (source / "late.txt").write_text("a file that came later")
        wait_for(lambda: "late.txt" in http.get(f"{link}/files").text, within_s=150, what="the late file on the page")

    def comes_whole_with_its_checksum() -> bool:
        done = system.run("download", link, str(tmp_path / "copy"), "--ca", system.facts["ca"])
        # Also while the new checksums and their seal are on their way.
        assert done.returncode == 0, done.stderr
        return _has_sum_of(tmp_path / "copy", "late.txt")

    wait_for(comes_whole_with_its_checksum, within_s=150, what="the late file in a download")
    assert (tmp_path / "copy" / "late.txt").read_text() == "a file that came later"
    assert len(system.mails()) == 2, "nobody is told twice"


def test_nothing_of_the_processes_output_holds_a_secret(system: System) -> None:
    facts = system.start("--verbose")
    system.record(microscope.Session.of_files(30), "dataset")
    mail = system.wait_for_mail(2)
    first = system.mails()[0]
    arguments = _arguments_of(system)
    system.stop()
    token = Path(facts["admin_token_file"]).read_text().strip()
    for secret in (token, first.members_token, *microscope.UNPUBLISHABLE):
        assert secret not in system.log
        assert secret not in arguments
    assert mail.link == first.link


def _arguments_of(system: System) -> str:
    """Return the arguments of all processes that the system started, as everybody on the machine can see them."""
    locks = (system.data / "node" / "node.lock", system.data / "facility" / "facility.lock")
    return "".join(Path(f"/proc/{lock.read_text().strip()}/cmdline").read_text() for lock in locks)


def _has_sum_of(copy: Path, name: str) -> bool:
    sums = copy / SIDECAR / "SHA256SUMS"
    return sums.exists() and any(line.endswith(f"  {name}") for line in sums.read_text().splitlines())


def _data(folder: Path) -> dict[str, str]:
    """Return what lies below a folder but for the sidecar, which may come later than the mail."""
    return {path: digest for path, digest in tree(folder).items() if path.partition("/")[0] != SIDECAR}
