"""The configuration file: what is wrong in it is said in one line, and its documents are made from it."""

from __future__ import annotations

import re
import tomllib
from datetime import date, timedelta
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from fs2od.configuration import (
    Configuration,
    example,
    load_configuration,
    load_node_configuration,
    mail_transport,
    settings_reference,
)
from fs2od.configuration._complaints import complaints
from fs2od.configuration._documents import _sections
from fs2od.configuration._values import duration_text, size_text
from fs2od.errors import ConfigurationError
from fs2od.mail import FolderTransport, SmtpTransport

SMALLEST = """
[onedata]
zone = "https://zone.example.org"
provider = "https://provider.example.org:8443"
token_file = "token"
provision = true
[facility]
contact = "desk@example.org"
[mail]
sender = "Desk <desk@example.org>"
[[watch]]
path = "/data/krios1"
"""


def loaded(tmp_path: Path, text: str) -> Configuration:
    path = tmp_path / "fs2od.toml"
    path.write_text(text)
    return load_configuration(path)


def complaint(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        loaded(tmp_path, text)
    said = str(caught.value)
    assert said.startswith(str(tmp_path / "fs2od.toml"))
    assert "\n" not in said
    return said


def test_everything_has_a_default_except_what_must_be_known(tmp_path: Path) -> None:
    configuration = loaded(tmp_path, SMALLEST)
    assert configuration.onedata.token_file == tmp_path / "token"
    assert configuration.watch[0].settle == timedelta(seconds=2)
    assert configuration.watch[0].metadata_files == ("SPA.yml", "TOMO.yml", "TRANSFER.yml", "experiment.yml")
    assert configuration.onedata.support_size == 10 << 40


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('contact = "desk@example.org"', "", "facility.contact: must be given"),
        ("provision = true", "provison = true", "onedata.provison: there is no such key"),
        ("provision = true", "", "set managing_group and parent_group, or provision = true"),
        ("https://zone", "http://zone", "onedata.zone: "),
        ('path = "/data/krios1"', 'path = "krios1"', "watch[1]: path must be absolute"),
        ('path = "/data/krios1"', 'path = "/d"\nglob = "**"', "watch[1]: glob must be"),
        (
            'path = "/data/krios1"',
            'path = "/d"\nsettle = "9999999 d"',
            "watch[1].settle: expected a duration of at most",
        ),
        (
            'path = "/data/krios1"',
            'path = "/d"\nsettle = "99999999999999 d"',
            "watch[1].settle: expected a duration of",
        ),
        ('path = "/data/krios1"', 'path = "/d"\nsettle = "2 weeks"', "watch[1].settle: expected a duration such as"),
        ('path = "/data/krios1"', 'path = "/d"\nname = "{secret}"', "watch[1]: name may use"),
        ('contact = "desk@example.org"', 'contact = "desk"', "facility.contact: "),
        (
            'sender = "Desk <desk@example.org>"',
            'sender = "d@e.org"\ntransport = "smtp"',
            "needs the section [mail.smtp]",
        ),
        (
            "provision = true",
            'provision = true\nsupport_size = "some"',
            "onedata.support_size: expected a size such as",
        ),
        ("provision = true", "provision = ", "is not a TOML file"),
        ("provision = true", 'provision = "perhaps"', "onedata.provision: expected true or false"),
        ("provision = true", "provision = true\nrequests_at_once = 0", "requests_at_once: expected at least 1"),
        ("provision = true", "provision = true\nrequests_at_once = 1.5", "requests_at_once: expected a whole number"),
        ("https://zone", "http://zone", "onedata.zone: expected an address such as https://data.example.org"),
        ('path = "/data/krios1"', "path = 7", "watch[1].path: expected a text in quotes"),
        ('path = "/data/krios1"', 'path = "/d"\nrunning_file = "a/b"', "running_file: expected the name of a file"),
        ('path = "/data/krios1"', 'path = "/d"\nlink = "all"', "watch[1].link: expected 'public' or 'members'"),
        (
            'path = "/data/krios1"',
            'path = "/d"\nignore_before = 2026-11-05T08:00:00',
            "watch[1].ignore_before: expected a moment with its offset from UTC, such as",
        ),
        ("[[watch]]", '[members]\nvalid_for = "1 s"\n[[watch]]', "members.valid_for: expected at least 1 min"),
        ("[[watch]]", '[[watch]]\nmetadata_files = ["*.yml"]', "'*.yml' is a pattern"),
        ("[[watch]]", '[[watch]]\nmetadata_files = ["a"]', "may stand in the names of data"),
        ("[[watch]]", '[[watch]]\nmetadata_files = [".tiff"]', "may stand in the names of data"),
        ("[[watch]]", '[[watch]]\nrunning_file = ".."', "is always there"),
        ("[[watch]]", '[[watch]]\nrunning_file = "SPA.yml"', "is always there"),
        ("[[watch]]", "[[watch]]\nmetadata_files = []", "watch[1].metadata_files: expected at least 1 of them"),
        ("[[watch]]", "[watch]", "watch: expected a list in brackets, or sections such as [[watch]]"),
        ("[[watch]]", "site = 5\n[[watch]]", "mail.site: there is no such key"),
    ],
)
def test_what_is_wrong_is_named_with_its_key(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in SMALLEST
    assert said in complaint(tmp_path, SMALLEST.replace(old, new))


def test_a_metadata_file_that_gets_an_invite_token_is_not_published(tmp_path: Path) -> None:
    text = f"{SMALLEST}[publish]\nmetadata_file = true\n[access]\nwrite_to_metadata = true\n"
    found = complaint(tmp_path, text)
    assert "publish.metadata_file: with access.write_to_metadata, everybody who has the link would read" in found
    with pytest.raises(ConfigurationError, match="everybody who has the link would read the members' invite token"):
        load_node_configuration(tmp_path / "fs2od.toml")
    for allowed in (text.replace("metadata_file = true", ""), text.replace("write_to_metadata = true", "")):
        loaded(tmp_path, allowed)


@pytest.mark.parametrize("line", ["foo = 1", 'settle = "1 fortnight"', 'metadata_files = ["a/b"]', 'glob = "**"'])
def test_a_mistake_in_a_watched_folder_is_one_complaint(tmp_path: Path, line: str) -> None:
    assert ";" not in complaint(tmp_path, f"{SMALLEST}{line}\n")


@pytest.mark.parametrize(
    "wrong",
    [
        7,
        True,
        "no such thing \0",
        "",
        [[1]],
        [],
        {"x": 1},
        1.5,
        -3,
        1 << 80,
        date(2026, 11, 5),
        "x" * 600,
        None,
        "1 ms",
        "36000 d",
    ],
)
def test_what_is_wrong_is_said_in_words_of_ours(wrong: object) -> None:
    for _, section, _ in _sections(Configuration):
        with pytest.raises(ValidationError) as caught:
            section.model_validate({**dict.fromkeys(section.model_fields, wrong), "no such key": 1})
        for said in complaints(caught.value):
            assert not re.search(r"\b(Input|should|valid|datetime|pydantic)\b", said), said


def test_the_same_watch_twice_is_an_error(tmp_path: Path) -> None:
    assert "given twice" in complaint(tmp_path, SMALLEST + '[[watch]]\npath = "/data/krios1"\n')


def test_a_missing_file_says_how_to_begin(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot be read .*fs2od config example"):
        load_configuration(tmp_path / "none.toml")


def test_the_example_can_be_read_and_shows_every_key(tmp_path: Path) -> None:
    configuration = loaded(tmp_path, example())
    assert configuration.onedata.managing_group
    for key in every_key():
        assert f"{key} =" in example()


def test_the_defaults_that_the_example_shows_are_the_defaults(tmp_path: Path) -> None:
    shown = "\n".join(
        line.removeprefix("# ") if line.startswith("# ") and " = " in line and not line.endswith(".") else line
        for line in example().splitlines()
    )
    shown = shown.partition("# [[signin.oidc]]")[0]
    shown = shown.replace("# [mail.smtp]", "[mail.smtp]").replace(
        'username = ""', 'username = "u"\npassword_file = "p"'
    )
    document = tomllib.loads(shown)
    document["mail"].pop("smtp")
    configuration, plain = Configuration.model_validate(document), loaded(tmp_path, example())
    relative = {"token_file": Path("token")}
    assert configuration == plain.model_copy(update={"onedata": plain.onedata.model_copy(update=relative)})


def test_the_reference_explains_every_key() -> None:
    reference = settings_reference()
    for key in every_key():
        assert f"| `{key}` |" in reference


def test_every_key_is_described() -> None:
    for _, section, _ in _sections(Configuration):
        assert section.__doc__
        assert all(info.description and info.description.endswith(".") for info in section.model_fields.values())


def test_a_configuration_survives_being_written_down() -> None:
    configuration = Configuration.model_validate(tomllib.loads(SMALLEST))
    assert Configuration.model_validate(configuration.model_dump()) == configuration
    assert Configuration.model_validate_json(configuration.model_dump_json()) == configuration


def test_values_are_written_as_people_write_them() -> None:
    assert [duration_text(timedelta(seconds=s)) for s in (0.25, 2, 300, 43200, 86400, 0)] == [
        "250 ms", "2 s", "5 min", "12 h", "1 d", "0 ms",
    ]  # fmt: skip
    assert [size_text(n) for n in (10 << 40, 5 * 10**11, 1, 0)] == ["10 TiB", "500 GB", "1 B", "0 B"]


def test_letters_go_into_a_folder_beside_the_state_unless_told_otherwise(tmp_path: Path) -> None:
    transport = mail_transport(loaded(tmp_path, SMALLEST).mail, tmp_path / "state")
    assert isinstance(transport, FolderTransport)
    assert transport.folder == tmp_path / "state" / "outbox"


def test_smtp_is_made_with_its_password_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hidden\n")
    text = SMALLEST.replace('sender = "Desk <desk@example.org>"', 'sender = "d@example.org"\ntransport = "smtp"')
    text += '[mail.smtp]\nhost = "mail.example.org"\nusername = "fs2od"\npassword_file = "password"\n'
    configuration = loaded(tmp_path, text)
    assert isinstance(mail_transport(configuration.mail, tmp_path), SmtpTransport)
    assert "hidden" not in repr(configuration)
    (tmp_path / "password").unlink()
    with pytest.raises(ConfigurationError, match=r"mail.smtp.password_file .* cannot be read"):
        mail_transport(configuration.mail, tmp_path)


def every_key() -> list[str]:
    def is_section(info: object) -> bool:
        annotation = getattr(info, "annotation", None)
        return isinstance(annotation, type) and issubclass(annotation, BaseModel)

    return [
        key
        for _, section, _ in _sections(Configuration)
        for key, info in section.model_fields.items()
        if not is_section(info) and key not in {"smtp", "watch", "oidc", "grants", "storage"}
    ]


def test_a_home_folder_that_nobody_has_is_named(tmp_path: Path) -> None:
    assert "~nosuchuser/token" in complaint(tmp_path, SMALLEST.replace('token_file = "', 'token_file = "~nosuchuser/'))
