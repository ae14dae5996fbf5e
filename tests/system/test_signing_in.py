"""Signing in at the whole of fs2od, as its users start it: a letter in the outbox, and a session after its button."""

from __future__ import annotations

import re
from pathlib import Path

from fs2od.testing.system import System, wait_for


def test_a_letter_comes_from_the_running_node_and_signs_in(tmp_path: Path) -> None:
    with System(tmp_path) as system:
        portal = system.start()["portal"]
        with system.http() as http:
            ours = {"Origin": portal}

            def press(path: str, page: str, **fields: str) -> int:
                key = re.findall(r'name="form_key" value="(\w+)"', page)[0]
                return http.post(portal + path, data={"form_key": key, **fields}, headers=ours).status_code

            page = http.get(f"{portal}/sign-in").text
            assert press("/sign-in/mail", page, address="alex@example.org", next="/account") == 200
            letter = wait_for(lambda: next(iter(system.mails()), None), within_s=60, what="the letter")
            (link,) = re.findall(rf"^{portal}(/sign-in/link/\S+)$", letter.text, re.MULTILINE)
            assert letter.message["Subject"].startswith("Your link to sign in")
            assert press(link, http.get(portal + link).text) == 303
            assert http.get(f"{portal}/account.json").json()["addresses"] == ["alex@example.org"]
            secret = link.rpartition("/")[2]
        assert system.stop() == 0
        assert secret not in system.log
        system.start()
        with system.http() as http:
            assert http.get(f"{portal}{link}").status_code == 404
