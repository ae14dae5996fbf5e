"""Paths of Windows beyond 260 letters: decided here, where Windows is not at hand."""

import os
from functools import partial
from pathlib import Path

import pytest

from fs2od.testing.network import HostileShare, listed, reply_of
from fs2od.transfer import Download, Options, Patience, parse_link
from fs2od.transfer._folders import long_path, open_folder

DEEP = "\\" + "\\".join(["GridSquare_0123456789"] * 12)


@pytest.mark.parametrize(
    ("given", "reached"),
    [
        ("C:\\data\\out", "C:\\data\\out"),
        ("C:\\" + "x" * 244, "C:\\" + "x" * 244),
        ("C:\\" + "x" * 245, "\\\\?\\C:\\" + "x" * 245),
        # Two units of UTF-16 each.
        ("C:\\" + "\N{MICROSCOPE}" * 123, "\\\\?\\C:\\" + "\N{MICROSCOPE}" * 123),
        (f"C:\\data{DEEP}", f"\\\\?\\C:\\data{DEEP}"),
        (f"C:/data{DEEP}".replace("\\", "/"), f"\\\\?\\C:\\data{DEEP}"),
        (f"C:\\data\\.\\more\\..{DEEP}\\", f"\\\\?\\C:\\data{DEEP}"),
        (f"\\\\server\\share{DEEP}", f"\\\\?\\UNC\\server\\share{DEEP}"),
        ("\\\\server\\share\\data", "\\\\server\\share\\data"),
        (f"\\\\?\\C:\\data{DEEP}", f"\\\\?\\C:\\data{DEEP}"),
        (f"\\\\?\\UNC\\server\\share{DEEP}", f"\\\\?\\UNC\\server\\share{DEEP}"),
        (f"\\\\.\\Volume{DEEP}", f"\\\\.\\Volume{DEEP}"),
        # Of what is not absolute nothing can be made.
        (f"data{DEEP}", f"data{DEEP}"),
    ],
)
def test_a_path_that_is_too_long_is_said_in_the_form_without_a_limit(given: str, reached: str) -> None:
    assert long_path(given) == reached
    assert long_path(reached) == reached


def test_every_step_of_a_download_takes_its_paths_from_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def elsewhere(text: str) -> str:
        """Lead to the one folder that there is, as the long form does where the short one leads nowhere."""
        return text.replace(str(tmp_path / "short"), str(tmp_path / "long"))

    monkeypatch.setattr("fs2od.transfer._folders._reachable", elsewhere)
    monkeypatch.setattr("fs2od.transfer._destination.open_folder", partial(open_folder, by_path=True))
    monkeypatch.delattr(os, "pwrite")
    monkeypatch.delattr(os, "pread")
    items = [listed("a.mrc", 3), listed("link", kind="SYMLNK", symlinkValue="a.mrc"), listed("empty", kind="DIR")]
    with HostileShare(items, {"a.mrc": b"abc"}) as share:
        share.answers["children of id-empty"] = lambda _: reply_of(
            {"children": [], "isLast": True, "nextPageToken": None}
        )
        download = Download(parse_link(share.link), tmp_path / "short", Options(patience=Patience(tries=2)))
        assert download.run().exit_code == 0
        assert download.estimate().files_present == 1
        assert download.run().files_fetched == 0
    assert sorted(path.name for path in (tmp_path / "long").iterdir()) == ["a.mrc", "empty", "link"]
    assert not (tmp_path / "short").exists()
