"""Whether work grows as its input does: twice the input, about twice the time."""

import time
from collections.abc import Callable
from typing import Any

# Twice as long would be 2, quadratic 4. What a busy machine adds is left out by taking the best of several attempts.
MUCH_MORE = 3.2
ATTEMPTS = 6
# What takes so long is not tried again.
MOST_SECONDS = 10.0


def grows_no_faster(work: Callable[[Any], Any], make: Callable[[int], Any], size: int) -> bool:
    """Whether the work on what is made of twice the size takes well below four times as long.

    The sizes must be such that the work on the smaller takes some milliseconds, for what is quadratic to show.
    """
    small, large = make(size), make(2 * size)
    single, double = float("inf"), float("inf")
    for _ in range(ATTEMPTS):
        single, double = min(single, seconds(work, small)), min(double, seconds(work, large))
        if double < MUCH_MORE * single:
            return True
        if single + double > MOST_SECONDS:
            break
    return False


def seconds(work: Callable[[Any], Any], given: Any) -> float:
    """How long the work takes this thread, whatever else the machine does meanwhile."""
    begun = time.thread_time()
    work(given)
    return time.thread_time() - begun
