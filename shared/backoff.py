"""How long to wait before the next try. Policies yield numbers; somebody else sleeps."""

import random
from collections.abc import Callable, Iterator


def delays(
    first: float = 1.0,
    factor: float = 2.0,
    cap: float = 300.0,
    jitter: Callable[[float, float], float] = random.uniform,
) -> Iterator[float]:
    """Yield seconds to wait before each try: growing to ``cap``, with full jitter.

    Full jitter draws from zero to the ceiling, so that many who failed together do not return
    together: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    ceiling = min(first, cap)
    while True:
        yield jitter(0.0, ceiling)
        ceiling = min(ceiling * factor, cap)
