"""Run pyfilesystem's own suite over fs.onedatarestfs on a writable space; told on standard input, answers as JSON."""

import contextlib
import json
import sys
import unittest

import fs.test  # type: ignore[import-not-found]  # lives in .venv-witness
from fs.onedatarestfs import OnedataRESTFS  # type: ignore[import-not-found]  # lives in .venv-witness

TOLD = json.load(sys.stdin)


class Cases(fs.test.FSTestCases, unittest.TestCase):  # type: ignore[misc]  # as above
    """The suite; every case begins with an empty space."""

    def make_fs(self) -> OnedataRESTFS:
        """Return the space, emptied."""
        made = OnedataRESTFS(TOLD["zone"], TOLD["token"], space=TOLD["space"], verify_ssl=TOLD["ca"])
        for name in made.listdir("/"):
            made._client.remove(TOLD["space"], file_path=name)
        return made


class Outcomes(unittest.TestResult):
    """Gathers what became of each case."""

    def __init__(self) -> None:
        super().__init__()
        self.passed: list[str] = []

    def addSuccess(self, test: unittest.TestCase) -> None:  # noqa: N802  # unittest's name
        """Note a case that passed."""
        self.passed.append(test.id().rpartition(".")[2])


def main() -> None:
    """Run the cases and print what became of them."""
    outcomes = Outcomes()
    with contextlib.redirect_stdout(sys.stderr):  # the suite itself prints
        unittest.defaultTestLoader.loadTestsFromTestCase(Cases).run(outcomes)
    wrong = {test.id().rpartition(".")[2]: text for test, text in (*outcomes.failures, *outcomes.errors)}
    skipped = [test.id().rpartition(".")[2] for test, _ in outcomes.skipped]
    sys.stdout.write(json.dumps({"passed": outcomes.passed, "wrong": wrong, "skipped": skipped}))


main()
