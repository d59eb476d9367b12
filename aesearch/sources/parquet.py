"""The rows of a .parquet file; pyarrow, an extra, reads it."""

# pyarrow may not be there when types are checked.
# mypy: disable-error-code="import-not-found,import-untyped,no-any-unimported"

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from aesearch.errors import SourceError
from aesearch.modalities.texts.charset import LONGEST_LINE
from aesearch.sources.json_rows import TOO_LARGE
from aesearch.sources.record import Record, Records, Refused

AT_ONCE = 1024  # rows


def parquet_records(path: Path, header: list[str]) -> Records:
    """Yield the rows of a .parquet file, numbered from 1; lists of numbers are arrays.

    Parameters
    ----------
    path : Path
    header : list of str
        Takes the columns.

    Raises
    ------
    SourceError
        At once, if pyarrow is not installed.
    """
    if find_spec("pyarrow") is None:
        raise SourceError(f"{path}: parquet needs pyarrow: pip install 'aesearch[parquet]'")
    from pyarrow import ArrowException, parquet

    try:
        table = parquet.ParquetFile(path)
    except (ArrowException, OSError) as error:
        raise SourceError(f"{path} is no parquet file, or is damaged: {error}") from None
    header += table.schema_arrow.names
    return _records(table)


def _records(table: Any) -> Records:
    number = 0
    try:
        for group in range(table.num_row_groups):
            following = number + table.metadata.row_group(group).num_rows
            for record in _rows_of(table, group, number):
                number = record.line
                yield record
            number = following
    finally:
        table.close()


def _rows_of(table: Any, group: int, number: int) -> Records:
    """The rows of one group, which are damaged apart from those of others."""
    from pyarrow import ArrowException

    try:
        for batch in table.iter_batches(AT_ONCE, row_groups=[group]):
            columns = {name: _values(batch.column(name)) for name in batch.schema.names}
            for row in range(batch.num_rows):
                number += 1
                values = {name: found[row] for name, found in columns.items()}
                if any(map(_is_long, values.values())):
                    short = {name: one for name, one in values.items() if not _is_long(one)}
                    yield Refused(number, TOO_LARGE, values=short, unit="row")
                else:
                    yield Record(number, values, unit="row")
    except (ArrowException, OSError) as error:
        reason = f"cannot be read, nor others behind it: {str(error).splitlines()[0]}"
        yield Refused(number + 1, reason, hides=True, unit="row")


def _is_long(value: Any) -> bool:
    return isinstance(value, str) and len(value) > LONGEST_LINE


def _values(column: Any) -> list[Any]:
    """One column of a batch; a list of numbers without gaps as an array, bytes of text as text."""
    from pyarrow import types

    kind = column.type
    lists = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    if lists and (types.is_floating(kind.value_type) or types.is_integer(kind.value_type)):
        return [None if cell.values is None else _numbers(cell.values) for cell in column]
    found: list[Any] = column.to_pylist()
    if types.is_binary(kind) or types.is_large_binary(kind):  # as older writers put down text
        return list(map(_as_text, found))
    return found


def _as_text(value: bytes | None) -> str | bytes | None:
    try:
        return value if value is None else value.decode()
    except UnicodeDecodeError:
        return value


def _numbers(values: Any) -> Any:
    return values.to_pylist() if values.null_count else np.asarray(values)
