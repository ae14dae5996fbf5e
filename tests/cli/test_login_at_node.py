"""Signing in by a code at the node itself: what `fs2od login` does, against the real zone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fs2od.onedata import tokens
from fs2od.onedata.tokens import Token
from fs2od.testing.world import ServedWorld, serve_world
from fs2od.transfer import DeviceGrant, DeviceSignIn, SignInRefused


def signed_in(world: ServedWorld, answer: Callable[[DeviceGrant], object]) -> str:
    """Sign in, with a person who answers while the program waits."""
    waiting: list[DeviceGrant] = []

    def sleep(_: float) -> None:
        if waiting:
            answer(waiting.pop())

    with DeviceSignIn(world.node.settings.zone_url, ca_file=str(world.ca), sleep=sleep) as sign_in:
        grant = sign_in.begin()
        waiting.append(grant)
        return sign_in.wait(grant)


def test_the_program_gets_a_token_of_whoever_allowed_it(tmp_path: Path) -> None:
    with serve_world(tmp_path) as world:
        alex, devices = world.person("Alex Example"), world.node.zone.devices
        text = signed_in(world, lambda grant: devices.answer(alex.id, grant.user_code, allow=True))
        examined = tokens.examine(Token(text))
        assert examined.identifier.subject.id == alex.id
        assert tokens.valid_until_s(examined.caveats) is not None
        with pytest.raises(SignInRefused):
            signed_in(world, lambda grant: devices.answer(alex.id, grant.user_code, allow=False))
