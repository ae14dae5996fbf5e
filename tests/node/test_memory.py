"""What is freed stays with the process, so that its pages need not be cleared anew."""

import subprocess
import sys

import pytest

_COUNT = """
import resource
from fs2od.node.memory import keep_freed
keep_freed()
def pieces():
    for _ in range(200):
        one = b"x" * (1 << 20)
        other = bytes(reversed(one[:1])) + one[1:]
        del one, other
pieces()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
pieces()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator is meant")
def test_pieces_of_answers_are_made_in_memory_that_is_there_already() -> None:
    said = subprocess.run([sys.executable, "-c", _COUNT], check=True, capture_output=True, text=True, timeout=60)
    assert int(said.stdout) < 1000, "200 times 2 MiB are 102,400 pages"
