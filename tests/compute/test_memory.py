"""Memory that stays with the process, by the page faults that the kernel counts."""

import os
import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, torch
from diffchest.compute.memory import keep_freed_memory
if {kept}:
    keep_freed_memory()
def step():
    maps = [torch.ones({bytes} // 4) for _ in range(4)]
for _ in range(3):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(*, kept: bool) -> int:
    code = FAULTS.format(kept=kept, bytes=2**24)
    # glibc else moves this bound itself, or not, by what was freed before
    mapped = os.environ | {"MALLOC_MMAP_THRESHOLD_": "131072"}
    done = subprocess.run([sys.executable, "-c", code], env=mapped, capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_memory_taken_again_faults_no_more():
    """Ten steps of four maps of 16 MiB: each touch of a page that was given back is a fault."""
    assert faults(kept=False) > 1000  # else there is nothing to keep
    assert faults(kept=True) < 100
