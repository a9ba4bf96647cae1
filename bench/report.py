"""How a figure is printed: its method in a line, ratios before absolute values."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Row = Sequence[str]  # a label, then a cell for each column


@dataclass(frozen=True)
class Report:
    title: str
    method: str
    columns: Sequence[str]
    ratios: Sequence[Row]
    values: Sequence[Row]
    notes: Sequence[str] = ()

    def __str__(self) -> str:
        rows = [("", *self.columns), *self.ratios, *self.values]
        label = max(len(row[0]) for row in rows)
        cell = max(len(text) for row in rows for text in row[1:])
        return "\n".join([f"{self.title}\n  {self.method}", *_lines(rows, label, cell), *_notes(self.notes)])


def _lines(rows: Iterable[Row], label: int, cell: int) -> Iterable[str]:
    for row in rows:
        cells = "".join(f"  {text:>{cell}}" for text in row[1:])
        yield f"    {row[0]:<{label}}{cells}".rstrip()


def _notes(notes: Sequence[str]) -> Iterable[str]:
    return (f"    ({note})" for note in notes)


def ratio(ours: float, theirs: float) -> str:
    return f"{ours / theirs:.2f}" if theirs else "-"


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms"


def megabytes(size: float) -> str:
    return f"{size / 2**20:.1f} MB"
