"""What the figures are made of: percentiles, and what the kernel knows of a process."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` of ``values`` do not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


@dataclass(frozen=True)
class Memory:
    """Bytes. ``uss`` is what would be free again without the process; ``pss`` has its part of shared pages.

    Not the resident size: it counts every page that forked workers share as often as there are workers.
    """

    uss: float
    pss: float


def memory(pid: int) -> Memory:
    sizes: dict[str, int] = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, size, _ = line.split()
        sizes[name.rstrip(":")] = int(size) * 1024
    return Memory(uss=sizes["Private_Clean"] + sizes["Private_Dirty"], pss=sizes["Pss"])


def typical_memory(pids: Iterable[int]) -> Memory:
    """The medians over ``pids``."""
    each = [memory(pid) for pid in pids]
    return Memory(uss=median(one.uss for one in each), pss=median(one.pss for one in each))


def cpu_seconds(pids: Iterable[int]) -> float:
    """Processor time that the living threads of ``pids`` have used.

    From the scheduler, in nanoseconds: the times that `ps` shows come in steps of 10 ms, which is more
    than one of fifty workers uses in a whole block.
    """
    files = (file for pid in pids for file in Path(f"/proc/{pid}/task").glob("*/schedstat"))
    return sum(int(file.read_text().split()[0]) for file in files) / 1e9
