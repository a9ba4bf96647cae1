"""What the forkserver imports once, so that a worker starts in milliseconds and shares its pages.

No thread is started here, no socket is left open, no secret is known. The last thing is to freeze
the garbage collector: its first full collection in a child would otherwise write to every object's
header, and copy ten megabytes that all workers share.
"""

import gc
import multiprocessing.popen_fork  # noqa: F401  which a forked worker would import for itself
import os
from pathlib import Path

import shared.entry  # noqa: F401  which unpickling the worker's entry needs
import worker.main  # noqa: F401  # with everything that a worker needs
from worker import tls
from worker.warm import warm_up

CA_VARIABLE = "ROOST_PRELOAD_CA"

given = os.environ.get(CA_VARIABLE)
extra = Path(given) if given else None
tls.context(extra)
warm_up(extra)
gc.collect()
gc.freeze()
