"""The order of the tests: one of each file in turn, so that those that wait run beside those that compute."""

from collections import Counter

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    dealt: Counter[object] = Counter()

    def turn(item: pytest.Item) -> int:
        dealt[item.path] += 1
        return dealt[item.path]

    items.sort(key=turn)
