"""The rows of a .parquet file; pyarrow, an extra, reads it."""

# pyarrow may not be there when types are checked.
# mypy: disable-error-code="import-not-found,import-untyped,no-any-unimported"

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from aesearch.errors import SourceError
from aesearch.sources.record import Record, Records

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
    return _records(path, table)


def _records(path: Path, table: Any) -> Records:
    from pyarrow import ArrowException

    number = 0
    try:
        for batch in table.iter_batches(AT_ONCE):
            columns = {name: _values(batch.column(name)) for name in batch.schema.names}
            for row in range(batch.num_rows):
                number += 1
                yield Record(number, {name: values[row] for name, values in columns.items()})
    except (ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise SourceError(f"{path} is damaged after row {number:,}: {reason}") from error
    finally:
        table.close()


def _values(column: Any) -> list[Any]:
    """One column of a batch; a list of numbers without gaps as an array."""
    from pyarrow import types

    kind = column.type
    lists = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    if lists and (types.is_floating(kind.value_type) or types.is_integer(kind.value_type)):
        return [None if cell.values is None else _numbers(cell.values) for cell in column]
    found: list[Any] = column.to_pylist()
    return found


def _numbers(values: Any) -> Any:
    return values.to_pylist() if values.null_count else np.asarray(values)
