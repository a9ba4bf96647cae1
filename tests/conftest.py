"""The order of the tests: one of each file in turn, so that those that wait run beside those that compute.

No property has to hold within a time: a machine that is busy with other tests would break it.
"""

from collections import Counter

import hypothesis
import pytest

hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    dealt: Counter[object] = Counter()

    def turn(item: pytest.Item) -> int:
        dealt[item.path] += 1
        return dealt[item.path]

    items.sort(key=turn)
