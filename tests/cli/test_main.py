from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fs2od.cli.main import COMMANDS

HEAVY = ("numpy", "httpx", "starlette", "pydantic", "rich", "cryptography", "PIL", "ruamel")


def fs2od(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fs2od", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)


def test_help_lists_every_command_and_every_exit_code() -> None:
    done = fs2od("--help")
    assert done.returncode == 0
    assert all(name in done.stdout for name in COMMANDS)
    assert "9 state" in done.stdout


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_explains_itself(name: str) -> None:
    done = fs2od(name, "--help")
    assert done.returncode == 0
    assert f"fs2od {name}" in done.stdout
    assert "..." not in done.stdout.partition("\nCommands:\n")[2], "no sentence is broken off"


@pytest.mark.parametrize("arguments", [["nonsense"], ["up"], ["node", "--port", "many"], ["download"]])
def test_wrong_usage_is_told_with_code_2(arguments: list[str]) -> None:
    done = fs2od(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "Error:" in done.stderr


@pytest.mark.parametrize("arguments", [["--version"], ["up", "--help"]])
def test_the_command_starts_without_what_it_does_not_need(arguments: list[str]) -> None:
    script = (
        "import sys\nfrom fs2od.cli import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=600, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("service", "others"),
    [
        (
            "node",
            (
                "fs2od.facility",
                "fs2od.client",
                "fs2od.transfer",
                "httpx",
                "joserfc",
                "rich",
                "ruamel",
                "botocore",
                "numpy",
            ),
        ),
        (
            "facility",
            (
                "fs2od.node.zone.zone",
                "fs2od.node.provider",
                "fs2od.node.replication",
                "fs2od.portal.public",
                "fs2od.portal.signin",
                "fs2od.transfer",
                "joserfc",
                "markdown_it",
                "botocore",
                "numpy",
            ),
        ),
        *(
            (name, ("fs2od.mail", "jinja2", "pydantic"))
            for name in ("distribution", "site", "support", "transfer", "use")
        ),
    ],
)
def test_a_service_or_command_loads_nothing_that_only_others_use(service: str, others: tuple[str, ...]) -> None:
    script = f"import sys\nimport fs2od.cli.{service}\nprint([name for name in {others!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=600, check=True)
    assert done.stdout == "[]\n"


def test_a_command_that_asks_services_loads_no_command_line_of_httpx() -> None:
    script = (
        "import sys\nfrom fs2od.cli import main\n"
        "try:\n    main(['token', '--help'])\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('httpx', 'pygments', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=600, check=True)
    assert done.stdout.splitlines()[-1] == "['httpx']"


def test_garbage_is_searched_again_once_a_command_is_loaded() -> None:
    script = (
        "import gc\nfrom fs2od.cli import main\n"
        "try:\n    main(['plan', '--help'])\nexcept SystemExit:\n    pass\nprint(gc.isenabled())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=600, check=True)
    assert done.stdout.splitlines()[-1] == "True"


def test_what_draws_progress_is_imported_only_for_a_terminal() -> None:
    script = (
        "import sys\nfrom fs2od.cli.progress import progress_bar\n"
        "with progress_bar('listing') as draw:\n    print(draw, 'rich' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=600, check=True)
    assert done.stdout == "None False\n"


def test_the_example_configuration_is_good_once_its_folders_are_named(tmp_path: Path) -> None:
    example = fs2od("config", "example")
    assert example.returncode == 0
    path = tmp_path / "fs2od.toml"
    path.write_text(example.stdout.replace("/data/krios1", str(tmp_path)))
    (tmp_path / "token").write_text("MDAxabc")
    done = fs2od("config", "check", str(path))
    assert done.returncode == 0, done.stderr
    assert "is good" in done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[watch]\n", "TOML"),
        ("[onedata]\nzoen = 'https://z'\n", "onedata.zoen: there is no such key"),
        ("", "must be given"),
    ],
)
def test_a_wrong_configuration_names_file_and_key(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "fs2od.toml"
    path.write_text(text)
    done = fs2od("config", "check", str(path))
    assert done.returncode == 3
    assert said in done.stderr
    assert str(path) in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_missing_configuration_is_told_in_one_line(tmp_path: Path) -> None:
    done = fs2od("facility", "--config", str(tmp_path / "none.toml"), "--data", str(tmp_path), "--once")
    assert done.returncode == 3
    assert len(done.stderr.strip().splitlines()) == 1


def test_datasets_of_a_folder_that_is_no_state_are_told_in_one_line(tmp_path: Path) -> None:
    done = fs2od("datasets", "--data", str(tmp_path))
    assert done.returncode == 3
    assert len(done.stderr.strip().splitlines()) == 1


def test_an_address_that_cannot_be_one_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "fs2od.toml"
    path.write_text(fs2od("config", "example").stdout)
    done = fs2od(
        "facility", "--config", str(path), "--data", str(tmp_path / "state"), "--zone", "http://zone.example.org"
    )
    assert done.returncode == 3
    assert done.stderr.startswith("fs2od: the command's options: onedata.zone: ")
    assert done.stderr.count("\n") == 1


def test_plan_says_what_would_be_done_and_does_nothing(tmp_path: Path) -> None:
    watched = tmp_path / "watched"
    (watched / "dataset").mkdir(parents=True)
    (watched / "dataset" / "SPA.yml").write_text("User: {Email: alex@example.org}\n")
    path = tmp_path / "fs2od.toml"
    path.write_text(
        "[onedata]\nzone = 'https://localhost:1'\nprovider = 'https://localhost:2'\ntoken_file = 'token'\nprovision = true\n"
        "[facility]\ncontact = 'desk@example.org'\n[mail]\nsender = 'desk@example.org'\n"
        f"[[watch]]\npath = '{watched}'\nsettle = '0s'\n"
    )
    before = sorted(tmp_path.rglob("*"))
    done = fs2od("plan", "--config", str(path), "--data", str(tmp_path / "state"), "--json")
    assert done.returncode == 0, done.stderr
    assert '"what"' in done.stdout
    assert sorted(tmp_path.rglob("*")) == before


def said_into(output: int, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fs2od", *arguments]
    return subprocess.run(command, stdout=output, stderr=subprocess.PIPE, text=True, timeout=600, check=False)


@pytest.mark.parametrize("arguments", [["config", "example"], ["--version"], ["download", "--help"]])
def test_a_reader_that_leaves_the_pipe_is_no_error(arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = said_into(writing, arguments)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("arguments", [["config", "example"], ["--version"], ["download", "--help"]])
def test_output_that_cannot_be_written_is_one_clear_line(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = said_into(full.fileno(), arguments)
    assert (done.returncode, done.stderr) == (
        7,
        "fs2od: standard output cannot be written (No space left on device)\n",
    )


def test_data_for_an_output_that_is_closed_are_one_clear_line() -> None:
    closed = f"{sys.executable} -m fs2od config example >&-"
    done = subprocess.run(["/bin/sh", "-c", closed], capture_output=True, text=True, timeout=600, check=False)
    assert (done.returncode, done.stderr) == (7, "fs2od: standard output cannot be written (Bad file descriptor)\n")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_where_streams_are_closed_wrong_usage_is_still_code_2(closed: str) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f"{sys.executable} -m fs2od download {closed}"], capture_output=True, timeout=600, check=False
    )
    assert (done.returncode, done.stdout) == (2, b"")
