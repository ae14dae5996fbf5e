"""A node with a clock of its own, and its letters as their readers get them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from fs2od.mail import Outcome
from fs2od.node.zone.accounts import (
    Proof,
    SealedTransport,
)
from fs2od.onedata.ids import UserId
from fs2od.testing.world import World, open_world

START = datetime(2026, 11, 5, 12, 0, tzinfo=UTC)
ALEX, SAM = Proof.of_address("alex@example.org"), Proof.of_address("sam@example.org")
KIM = Proof("oidc", "https://idp.example.org", "kim-1", "kim@example.org", "Kim Example")


@dataclass
class HandClock:
    """A clock that stands until a test moves it."""

    moment: datetime = START

    def now(self) -> datetime:
        return self.moment

    def now_s(self) -> int:
        return int(self.moment.timestamp())

    def pass_by(self, **how_long: int) -> None:
        self.moment += timedelta(**how_long)


@dataclass
class Scene:
    """A node with a clock of its own, and its letters as their readers get them."""

    world: World
    clock: HandClock
    letters: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        zone = self.world.node.zone
        self.zone, self.accounts, self.links = zone, zone.accounts, zone.links
        self.sessions = zone.accounts.sessions

    def send(self, message: bytes, sender: str, recipients: Sequence[str], *, name: str) -> Outcome:
        assert name
        assert sender
        self.letters.append(message)
        return Outcome.all_delivered(recipients)

    def stop(self) -> None:
        pass

    def deliver(self) -> list[EmailMessage]:
        self.letters.clear()
        self.zone.outbox.deliver(SealedTransport(self, self.zone.keys), self.clock.now(), limit=1000)
        return [message_from_bytes(each, policy=default) for each in self.letters]

    def ask(self, address: str = "alex@example.org", *, peer: str = "192.0.2.1", user: UserId | None = None) -> str:
        """Ask for a link and return its secret, as the letter says it."""
        self.links.ask(address, peer=peer, target="/share/1", user=user)
        (letter,) = self.deliver()
        return secret_in(letter)

    def person(self, proof: Proof = ALEX) -> UserId:
        return self.accounts.sign_in(proof, sign_up="anyone")


def secret_in(letter: EmailMessage) -> str:
    part = letter.get_body(("plain",))
    assert part is not None
    (secret,) = re.findall(
        r"^https://zone\.test/sign-in/link/(\S+)$", part.get_content().replace("\r", ""), re.MULTILINE
    )
    return str(secret)


@contextlib.contextmanager
def open_scene(folder: Path) -> Iterator[Scene]:
    clock = HandClock()
    with open_world(folder, clock=clock) as world:
        yield Scene(world, clock)
