"""What stands in the metadata file and is not for everybody is in no public answer, of real processes and at no moment."""

from __future__ import annotations

import re
import time
from collections import deque
from urllib.parse import urljoin, urlsplit

import httpx
import pytest

from fs2od.testing import microscope
from fs2od.testing.system import System

_MOST_PAGES = 400
_LONGEST_S, _LOOK_S = 150.0, 4.0
_HREF = re.compile(r"""(?:href|action)=["']([^"'#]+)""")


def test_no_public_answer_holds_what_is_not_published(system: System) -> None:
    facts = system.start()
    source = system.record(microscope.Session.of_files(30), "leaky")
    link = system.wait_for_mail(2, within_s=120).link
    secrets = [secret.encode() for secret in microscope.UNPUBLISHABLE]
    assert any(secret in (source / "SPA.yml").read_bytes() for secret in secrets)
    data = f"{facts['provider']}/share/{link.rpartition('/')[2]}"
    more = [
        f"{data}/{name}"
        for name in ("files/", "files/SPA.yml", "SHA256SUMS", "files.meta4", "archive.tar", "archive.zip")
    ]
    more += [f"{link}/content/SPA.yml", f"{link}/files/SPA.yml", f"{link}?search=SPA", f"{link}/zip/", f"{link}/tar/"]
    with system.http() as http:
        answers = _crawled(http, [link, *more], hosts={urlsplit(facts[name]).netloc for name in ("portal", "provider")})
        bulk = http.post(f"{data}/bulk", json={"paths": ["SPA.yml"]})
        answers[f"{data}/bulk"] = bulk.content
        for accept in ("application/json", "text/plain"):
            answers[f"{link} as {accept}"] = http.get(link, headers={"Accept": accept}).content
    assert len(answers) > 30, "the walk must have seen pages, folders and files"
    assert any(address.endswith(".mrc") for address in answers)
    assert not [(address, secret) for address, body in answers.items() for secret in secrets if secret in body]


@pytest.mark.timeout(600)
def test_a_metadata_file_that_is_written_anew_and_its_copies_are_not_shown_for_a_moment(system: System) -> None:
    facts = system.start()
    source = system.record(microscope.Session.of_files(30), "leaky")
    link = system.wait_for_mail(2, within_s=120).link
    data = f"{facts['provider']}/share/{link.rpartition('/')[2]}"
    content = (source / "SPA.yml").read_bytes()
    secrets = [secret.encode() for secret in microscope.UNPUBLISHABLE]
    with system.http() as http:
        for names in (("SPA.yml",), ("TOMO.yml", "kept/SPA.yml", "SPA.yml~", ".SPA.yml.swp")):
            for name in names:
                (source / name).parent.mkdir(exist_ok=True)
                (source / name).unlink(missing_ok=True)
                (source / name).write_bytes(content)
            (source / f"beside {len(names)}.txt").write_text("new")
            until, seen = time.monotonic() + _LONGEST_S, False
            while time.monotonic() < until:
                for address in (each for name in names for each in (f"{data}/files/{name}", f"{link}/content/{name}")):
                    body = http.get(address, follow_redirects=True).content
                    assert not any(secret in body for secret in secrets), address
                if not seen and http.head(f"{data}/files/beside {len(names)}.txt").status_code == 200:
                    # A scan has come by: what it registered is not closed by the facility yet, if it has to be.
                    until, seen = time.monotonic() + _LOOK_S, True
            assert seen, "a scan must have come by"
        archive = http.get(f"{data}/archive.tar").content
        assert b"beside 4.txt" in archive
        assert not any(secret in archive for secret in secrets)


def _crawled(http: httpx.Client, first: list[str], *, hosts: set[str]) -> dict[str, bytes]:
    """Return the bodies of all answers that links lead to, from some addresses on and on these hosts."""
    found: dict[str, bytes] = {}
    waiting = deque(first)
    while waiting and len(found) < _MOST_PAGES:
        address = waiting.popleft()
        if address in found or urlsplit(address).netloc not in hosts:
            continue
        answer = http.get(address, follow_redirects=True)
        found[address] = answer.content + str(answer.headers).encode()
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            waiting.extend(urljoin(str(answer.url), each.replace("&amp;", "&")) for each in _HREF.findall(answer.text))
    return found
