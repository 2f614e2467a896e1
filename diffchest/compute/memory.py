"""Memory that a network frees at one step and takes again at the next stays with the process."""

import ctypes
import sys

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of <malloc.h>
KEPT_BYTES = 2**30  # free memory at the end of the heap that is not given back
LARGEST_IN_HEAP = 2**25  # bytes; glibc takes no larger one


def keep_freed_memory() -> None:
    """Tell glibc to take blocks of up to 32 MiB from its heap and to give less than 1 GiB of it back.

    By default it maps the pages of a feature map anew at each step, and the kernel clears each at the first touch.
    Nothing happens with other C libraries, which have no `mallopt`.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(MMAP_THRESHOLD, LARGEST_IN_HEAP)
        mallopt(TRIM_THRESHOLD, KEPT_BYTES)
