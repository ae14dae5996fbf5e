"""Signing in without a browser at hand, and what is kept of it."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fs2od.testing.network import HostileShare, Reply, Request, asked_for, reply_of
from fs2od.testing.world import ServedWorld, serve_world
from fs2od.transfer import DeviceSignIn, MalformedAnswer, NotFound, SignInRefused


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedWorld]:
    with serve_world(tmp_path_factory.mktemp("world")) as served:
        yield served


@pytest.fixture
def zone() -> Iterator[HostileShare]:
    with HostileShare() as share:
        share.answers["/fs2od/device_authorization"] = lambda _: reply_of(grant(share))
        yield share


def grant(zone: HostileShare, **more: object) -> dict[str, object]:
    told = {"device_code": "secret-device-code", "user_code": "WDJB-MJHT", "expires_in": 100, "interval": 5}
    return {**told, "verification_uri": f"{zone.url}/device", **more}


def answering(zone: HostileShare, *replies: Reply) -> None:
    left = list(replies)
    zone.answers["/fs2od/device_token"] = lambda _: left.pop(0) if left else pending()


def pending(error: str = "authorization_pending") -> Reply:
    return reply_of({"error": error}, status=400)


def test_a_code_is_waited_for_and_brings_the_token(zone: HostileShare) -> None:
    answering(zone, pending(), pending("slow_down"), reply_of({"access_token": "MDAtoken", "token_type": "bearer"}))
    waited: list[float] = []
    with DeviceSignIn(zone.url, sleep=waited.append) as sign_in:
        begun = sign_in.begin()
        assert begun.user_code == "WDJB-MJHT"
        assert "secret" not in repr(begun)
        assert sign_in.wait(begun) == "MDAtoken"
    assert waited == [5, 5, 10]
    asked = [asked_for(each) for each in zone.asked if each.path == "/fs2od/device_token"]
    assert {each["grant_type"] for each in asked} == {"urn:ietf:params:oauth:grant-type:device_code"}
    assert {each["device_code"] for each in asked} == {"secret-device-code"}


@pytest.mark.parametrize("error", ["access_denied", "expired_token"])
def test_a_refusal_ends_it(zone: HostileShare, error: str) -> None:
    answering(zone, pending(error))
    with DeviceSignIn(zone.url, sleep=lambda _: None) as sign_in, pytest.raises(SignInRefused):
        sign_in.wait(sign_in.begin())


def test_it_does_not_wait_for_ever(zone: HostileShare) -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    answering(zone)
    with DeviceSignIn(zone.url, sleep=sleep, clock=lambda: now[0]) as sign_in, pytest.raises(SignInRefused):
        sign_in.wait(sign_in.begin())
    assert now[0] <= 105


def test_nobody_is_sent_to_another_place_to_sign_in(zone: HostileShare) -> None:
    def elsewhere(_: Request) -> Reply:
        return reply_of(grant(zone, verification_uri="https://evil.example/device"))

    zone.answers["/fs2od/device_authorization"] = elsewhere
    with DeviceSignIn(zone.url) as sign_in, pytest.raises(MalformedAnswer, match="elsewhere"):
        sign_in.begin()


@pytest.mark.parametrize("status", [404, 405])
def test_a_zone_without_such_a_sign_in_says_what_to_do(status: int) -> None:
    with HostileShare() as plain, DeviceSignIn(plain.url) as sign_in:
        plain.answers["/fs2od/device_authorization"] = lambda _: reply_of(b"", status=status)
        with pytest.raises(NotFound, match="--token-file"):
            sign_in.begin()


class Home:
    """A user's home, and commands that are run there."""

    def __init__(self, folder: Path, world: ServedWorld) -> None:
        self.folder = folder
        self.zone = world.node.settings.zone_url
        self.environment = {**os.environ, "HOME": str(folder), "FS2OD_CA": str(world.ca)}
        self.environment.pop("XDG_CONFIG_HOME", None)

    def run(self, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "fs2od", *words],
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
            env=self.environment,
            check=False,
        )


def test_a_kept_token_is_used_and_forgotten(world: ServedWorld, tmp_path: Path) -> None:
    home = Home(tmp_path, world)
    dataset = world.dataset(world.administrator, {"a": b"1"})
    text = world.administrator.token.reveal()
    done = home.run("login", "--zone", home.zone, "--token-file", "-", "--no-keyring", given=text)
    assert done.returncode == 0, done.stderr
    assert text not in done.stderr + done.stdout
    (kept,) = (tmp_path / ".config" / "fs2od").glob("*.token")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    brought = home.run("download", dataset.space, str(tmp_path / "out"), "--json")
    assert brought.returncode == 0, brought.stderr
    assert json.loads(brought.stdout)["complete"]
    kept.chmod(0o644)
    assert home.run("download", dataset.space, str(tmp_path / "out")).returncode == 3
    kept.chmod(0o600)
    assert home.run("logout").returncode == 0
    assert not kept.exists()
    assert home.run("download", dataset.space, str(tmp_path / "out")).returncode == 3


def test_a_token_of_another_zone_is_not_kept(world: ServedWorld, tmp_path: Path) -> None:
    home = Home(tmp_path, world)
    text = world.administrator.token.reveal()
    done = home.run("login", "--zone", "https://zone.example.org", "--token-file", "-", given=text)
    assert done.returncode == 3
    assert not list(tmp_path.rglob("*.token"))


def test_somebody_signs_in_from_end_to_end(world: ServedWorld, tmp_path: Path) -> None:
    home = Home(tmp_path, world)
    person = world.administrator.id
    words = [sys.executable, "-m", "fs2od", "login", "--zone", home.zone, "--no-keyring"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=home.environment) as signing_in:
        assert signing_in.stderr is not None
        said = ""
        while "It works for" not in said:
            said += signing_in.stderr.readline()
            assert signing_in.poll() is None, said
        code = said.split("code:")[1].split()[0]
        assert f"{home.zone}/device?code={code}" in said
        world.node.zone.devices.answer(person, code, allow=True)
        assert signing_in.wait(60) == 0
    dataset = world.dataset(world.administrator, {"a": b"1"})
    done = home.run("download", dataset.space, str(tmp_path / "out"), "--json")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "a").read_bytes() == b"1"
