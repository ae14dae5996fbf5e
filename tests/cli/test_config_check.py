"""`fs2od config check` judges what the configuration names on this machine."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from fs2od.cli.main import fs2od
from fs2od.errors import ConfigurationError, StorageMissing

GOOD = """
[onedata]
zone = "https://zone.example.org"
provider = "https://provider.example.org"
token_file = "token"
provision = true
[facility]
contact = "desk@example.org"
[mail]
sender = "desk@example.org"
"""
SMTP = '[mail.smtp]\nhost = "mail.example.org"\nusername = "u"\npassword_file = "{file}"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text("MDAxabc\n")
    (tmp_path / "watched" / "inner").mkdir(parents=True)
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


def checked(folder: Path, more: str = "", *, watch: str = "watched") -> str:
    text = f'{GOOD}{more}\n[[watch]]\npath = "{folder / watch}"\n'
    (folder / "fs2od.toml").write_text(text)
    done = CliRunner().invoke(fs2od, ["config", "check", str(folder / "fs2od.toml")])
    if done.exception is None:
        return done.stderr
    assert isinstance(done.exception, ConfigurationError | StorageMissing), done.exception
    return f"{done.exception}\n{done.stderr}"


def test_what_is_there_is_good(folder: Path) -> None:
    assert "is good" in checked(folder)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('[network]\nasn_database = "none.mmdb"', "network.asn_database: {folder}/none.mmdb cannot be read (No such"),
        ('[network]\nasn_database = "empty"', "network: {folder}/empty cannot be read as a database of addresses"),
        ('[network]\ncountry_database = "pipe"', "network.country_database: {folder}/pipe is not a file"),
        ('language = "xx"', "mail: there are no mail templates in the language 'xx': there is "),
        ('templates = "none"', "mail.templates: {folder}/none is not a folder"),
        ('[pages]\nlanguage = "xx"', "pages: there are no texts of pages in the language 'xx': there is "),
        ('transport = "smtp"\n' + SMTP.format(file="none"), "mail.smtp.password_file: {folder}/none cannot be read"),
        ('transport = "smtp"\n' + SMTP.format(file="pipe"), "mail.smtp.password_file: {folder}/pipe is not a file"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_key(folder: Path, more: str, said: str) -> None:
    found = checked(folder, more)
    assert found.startswith(str(folder / "fs2od.toml"))
    assert said.format(folder=folder) in found


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("announced.txt", b"one\n{{ news.files // news.undeliverable }}", "announced.txt, line 2: integer division"),
        ("complete.subject.txt", b"gr\xf6\xdfe", "complete.subject.txt is not UTF-8"),
        ("complete.html", b"{{ news.nothing }}", "complete.html: "),
        ("announced.html", b"{% if %}", "announced.html, line 1"),
    ],
)
def test_a_mail_template_that_cannot_be_filled_is_named(folder: Path, name: str, content: bytes, said: str) -> None:
    (folder / "own" / "en").mkdir(parents=True)
    (folder / "own" / "en" / name).write_bytes(content)
    assert said in checked(folder, 'templates = "own"')


@pytest.mark.parametrize(("watch", "said"), [("none", "No such file or directory"), ("token", "Not a directory")])
def test_a_watched_folder_that_is_none_is_named(folder: Path, watch: str, said: str) -> None:
    assert f"watch[1].path: the watched folder {folder / watch} cannot be read ({said})" in checked(folder, watch=watch)


def test_the_tokens_file_is_read(folder: Path) -> None:
    (folder / "token").write_text("no token ä")
    assert f"onedata.token_file {folder / 'token'} holds no token" in checked(folder)
    (folder / "token").unlink()
    assert checked(folder).count("token_file") == 1


def test_the_bare_example_is_right_in_itself_and_what_is_missing_here_is_named(tmp_path: Path) -> None:
    file = tmp_path / "fs2od.toml"
    file.write_text(CliRunner().invoke(fs2od, ["config", "example"]).stdout)
    done = CliRunner().invoke(fs2od, ["config", "check", str(file)])
    assert isinstance(done.exception, StorageMissing)
    assert str(done.exception) == f"{file} is right in itself, but 2 things that it names are missing on this machine"
    assert "missing on this machine: watch[1].path: " in done.stderr
    assert "missing on this machine: onedata.token_file: " in done.stderr
    asked = CliRunner().invoke(fs2od, ["config", "check", str(file), "--json"])
    assert isinstance(asked.exception, StorageMissing)
    assert len(json.loads(asked.stdout)["missing"]) == 2


def test_what_is_there_and_of_no_use_is_wrong_also_where_something_is_missing(folder: Path) -> None:
    (folder / "token").write_text("no token ä")
    checked(folder, watch="none")
    done = CliRunner().invoke(fs2od, ["config", "check", str(folder / "fs2od.toml")])
    assert isinstance(done.exception, ConfigurationError)


def test_all_that_is_wrong_is_said_at_once(folder: Path) -> None:
    found = checked(folder, 'templates = "none"', watch="none")
    assert "watch[1].path" in found
    assert "mail.templates" in found


def test_a_watched_folder_inside_another_is_worth_a_note(folder: Path) -> None:
    found = checked(folder, f'[[watch]]\npath = "{folder / "watched" / "inner"}"')
    assert f"note: watch[1] {folder}/watched/inner lies inside watch[2] {folder}/watched" in found
    assert "is good" in found


def test_what_is_good_is_told_as_json_too(folder: Path) -> None:
    checked(folder, f'[[watch]]\npath = "{folder / "watched" / "inner"}"')
    done = CliRunner().invoke(fs2od, ["config", "check", str(folder / "fs2od.toml"), "--json"])
    found = json.loads(done.stdout)
    assert found["file"] == str(folder / "fs2od.toml")
    assert found["watches"] == [str(folder / "watched" / "inner"), str(folder / "watched")]
    assert len(found["notes"]) == 1


def test_a_pipe_is_not_waited_for(folder: Path) -> None:
    done = CliRunner().invoke(fs2od, ["config", "check", str(folder / "pipe")])
    assert isinstance(done.exception, ConfigurationError)
    assert "is not a file" in str(done.exception)
