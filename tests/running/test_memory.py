"""The process of a job uses memory that it had once again, in place of new pages from the system."""

import subprocess
import sys

import pytest

PAGES = """
import resource, sys
from scorebench.running.memory import keep_memory
if sys.argv[1] == "kept":
    keep_memory()
size, faults = 2**26, []
for _ in range(6):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    b"x" * size
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(*faults)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="an option of glibc")
def test_pages_are_asked_for_once() -> None:
    """64 MB, six times one after the other: 16,384 pages the first time and none after it; else each time."""
    faults = {}
    for how in ("kept", "not kept"):
        command = [sys.executable, "-c", PAGES, how]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        faults[how] = [int(count) for count in said.split()]
    assert max(faults["kept"][1:]) < 100
    assert min(faults["not kept"]) > 100, "the test sees pages that are new"
