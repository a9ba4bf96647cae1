"""The supervisor alone in a process, with tiny workers: ``python -m tests.supervisor.real FOLDER NAME…``.

Records go to standard output. ``NAME:MANNER`` is one of a manner that ``tiny`` knows.
"""

import sys
from contextlib import closing
from pathlib import Path

from supervisor.journal import Journal
from supervisor.loop import Supervisor
from tests.supervisor.crew import loaded, nursery, user


def main() -> int:
    folder, *names = sys.argv[1:]
    people = [user(*name.split(":")) if ":" in name else name for name in names]
    configuration = loaded(Path(folder), *people, grace_seconds=1.0)
    with closing(nursery()) as ours, closing(Journal()) as journal:
        ours.open()
        with closing(Supervisor(configuration, lambda: configuration, journal, ours)) as supervisor:
            return supervisor.run()


if __name__ == "__main__":
    sys.exit(main())
