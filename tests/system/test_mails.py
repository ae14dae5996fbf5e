"""What the mail says, done by its recipient: in an empty folder elsewhere, with the programs that people have."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.system.configuring import configured

from fs2od.manifests import SIDECAR
from fs2od.testing import microscope
from fs2od.testing.system import Mail, System, tree

FOR_MEMBERS_ONLY = ("SPA.yml", "fs2od-access.yml")


def _announced(system: System, *, language: str = "en", watch: str = "") -> tuple[Mail, Path]:
    """Start everything with some settings, let a dataset appear, and return the mail and the dataset's folder."""
    file = configured(system)
    text = file.read_text().replace("[mail]\n", f'[mail]\nlanguage = "{language}"\n', 1)
    file.write_text(text.replace("[[watch]]\n", f'[[watch]]\nquiet = "1s"\ndata_settle = "1s"\n{watch}\n', 1))
    system.start()
    source = system.record(microscope.Session.of_files(30), "20261103_P2")
    system.wait_for_mail(2)
    return system.mails()[0], source


def _elsewhere(mail: Mail, tmp_path: Path) -> Path:
    """Return an empty folder with nothing but what came with the mail."""
    folder = tmp_path / "else where"
    folder.mkdir()
    for attachment in mail.message.iter_attachments():
        name = attachment.get_filename()
        assert name == "fs2od-ca.pem"
        (folder / name).write_bytes(attachment.get_content())
    return folder


def _line(mail: Mail, beginning: str) -> str:
    (line,) = [line for line in mail.text.splitlines() if line.startswith(beginning)]
    return line


def _run(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    paths = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    kept = {name: value for name, value in os.environ.items() if name in {"PYTHONPATH", "TMPDIR"}}
    environment = {**kept, "PATH": paths, "HOME": str(folder), "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        ["sh", "-c", line], cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def _data(folder: Path) -> dict[str, str]:
    return {path: digest for path, digest in tree(folder).items() if path.partition("/")[0] != SIDECAR}


def _published(source: Path) -> dict[str, str]:
    return {path: digest for path, digest in _data(source).items() if path not in FOR_MEMBERS_ONLY}


@pytest.mark.parametrize("language", ["en", "cs"])
def test_the_lines_of_the_mail_bring_the_dataset_to_an_empty_folder_elsewhere(
    system: System, tmp_path: Path, language: str
) -> None:
    mail, source = _announced(system, language=language)
    folder = _elsewhere(mail, tmp_path)
    assert str(tmp_path) not in mail.text
    check = _run(_line(mail, "echo "), folder)
    assert (check.returncode, check.stdout) == (0, "fs2od-ca.pem: OK\n")
    for beginning in ("curl ", "fs2od download "):
        done = _run(_line(mail, beginning), folder)
        assert done.returncode == 0, done.stderr
        (brought,) = (path for path in folder.iterdir() if path.is_dir())
        assert _data(brought) == _published(source)
        brought.rename(tmp_path / beginning.strip())


def test_the_file_at_the_address_in_the_mail_is_the_one_whose_sum_the_mail_gives(
    system: System, tmp_path: Path
) -> None:
    mail, _ = _announced(system)
    folder = _elsewhere(mail, tmp_path)
    with system.http() as http:
        served = http.get(_line(mail, "https://localhost:" + str(system.port) + "/ca.pem")).content
    assert served == (folder / "fs2od-ca.pem").read_bytes()
    assert hashlib.sha256(served).hexdigest() in _line(mail, "echo ")
    (folder / "fs2od-ca.pem").write_bytes(served + b"another")
    assert _run(_line(mail, "echo "), folder).returncode != 0


def test_the_lines_of_the_mail_work_for_members_of_a_closed_dataset(system: System, tmp_path: Path) -> None:
    mail, source = _announced(system, watch="embargo_days = 3")
    folder = _elsewhere(mail, tmp_path)
    line = _line(mail, "curl ")
    assert _run(line, folder).returncode != 0
    assert not [path for path in folder.iterdir() if path.is_dir() and tree(path)]
    assert re.fullmatch(
        r"https://\S+/tokens/new\?dataset=\w+", _line(mail, "https://localhost:" + str(system.port) + "/tokens")
    )
    (folder / "fs2od.token").write_text(Path(system.facts["admin_token_file"]).read_text())
    done = _run(line, folder)
    assert done.returncode == 0, done.stderr
    (brought,) = (path for path in folder.iterdir() if path.is_dir())
    # The administrator is in the space, and members see the metadata file as well; the link shows what it shows.
    assert _data(brought).items() >= _published(source).items()
