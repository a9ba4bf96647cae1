"""What the forkserver imports for its workers: the modules that ``ROOST_PRELOAD`` names.

``multiprocessing`` would pass over an ImportError without a word, and of anything else only standard
error would learn. Here it ends the forkserver, and the reason stays in the file ``ROOST_PRELOAD_FAULT``.
"""

import importlib
import os
import sys
import traceback
from pathlib import Path

modules = os.environ.pop("ROOST_PRELOAD").split()
fault_file = Path(os.environ.pop("ROOST_PRELOAD_FAULT"))
try:
    for module in modules:
        importlib.import_module(module)
except BaseException as fault:  # noqa: BLE001  whatever it is, it must be told
    traceback.print_exc()
    fault_file.write_text(traceback.format_exception_only(fault)[-1].strip())
    sys.exit(1)
