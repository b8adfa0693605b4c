"""Parquet files of strangers: their sizes, page by page, before anything is unpacked.

The footer of a file says how large it is unpacked, and may lie; a page of a megabyte may unpack to two
gigabytes, and a text that stands once in a dictionary may be named by every row.  So the header of each page
is read (Apache Thrift's compact protocol, a few numbers), what they promise is added up, and texts are left
packed: each once, and a number for each row.  No type is read that would need code of the file's.
"""

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

# The largest table of ours has 400,000 rows in nine columns.
MOST_ROWS, MOST_BYTES, MOST_CELLS, MOST_COLUMNS = 5_000_000, 500_000_000, 60_000_000, 60
MOST_FILE = 100_000_000  # bytes, packed
TYPES = ("BOOLEAN", "INT32", "INT64", "FLOAT", "DOUBLE", "BYTE_ARRAY")
DELTA_TEXT = 7  # an encoding in which each text begins like the one before it, and a few bytes become many
_DEEPEST = 8


class _Compact:
    """Numbers of a structure in Thrift's compact protocol; texts are passed over."""

    def __init__(self, data: memoryview, at: int):
        self.data, self.at = data, at

    def _byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            if (shift := shift + 7) > 63:
                raise ValueError("a number of a page's header is too long")

    def _signed(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def structure(self, depth: int = 0) -> dict[int, Any]:
        """Return {field: number or structure} of the next structure."""
        found, field = dict[int, Any](), 0
        while head := self._byte():
            field = field + (head >> 4) if head >> 4 else self._signed()
            found[field] = self._value(head & 15, depth)
        return found

    def _value(self, kind: int, depth: int, *, inside: bool = False) -> Any:
        if depth > _DEEPEST:
            raise ValueError("a page's header is nested too deeply")
        if kind in (1, 2):  # true, false; in a list each takes a byte
            return self._byte() if inside else kind == 1
        if kind in (4, 5, 6):
            return self._signed()
        if kind in (3, 7, 8):  # a byte, eight of them, a text
            size = {3: 1, 7: 8}.get(kind) or self._varint()
            self.at += size
            return None
        if kind in (9, 10):
            head = self._byte()
            for _ in range(head >> 4 if head >> 4 < 15 else self._varint()):
                self._value(head & 15, depth + 1, inside=True)
            return None
        if kind == 12:
            return self.structure(depth + 1)
        raise ValueError("a page's header cannot be read")


def pages(raw: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield of each page between two places of a file: its bytes unpacked, its encoding, its header's bytes.

    Raises:
        ValueError: there is no header of a page where one should be.
    """
    data = memoryview(raw)
    try:
        while start < end:
            compact = _Compact(data, start)
            head = compact.structure()
            of = head.get(5) or head.get(8) or head.get(7) or {}
            yield head[2], of.get(4 if 8 in head else 2, 0), compact.at - start
            if min(head[2], head[3]) < 0:
                raise ValueError("a page has a size below 0")
            start = compact.at + head[3]
    except (IndexError, KeyError, TypeError) as error:
        raise ValueError("a page's header cannot be read") from error


def measure(raw: bytes, most_rows: int = MOST_ROWS) -> Any:
    """Return the metadata of a Parquet file that is not too large to be read.

    Args:
        raw: all bytes of the file.
        most_rows: that are read.

    Raises:
        ValueError: it holds more rows, columns or bytes than are read, or columns of other types.
    """
    from pyarrow import BufferReader, parquet

    file = parquet.ParquetFile(BufferReader(raw)).metadata
    groups = [file.row_group(at) for at in range(file.num_row_groups)]
    rows = max(file.num_rows, sum(group.num_rows for group in groups))
    if file.num_columns > MOST_COLUMNS:
        raise ValueError(f"{file.num_columns} columns, of at most {MOST_COLUMNS}")
    size, values = 0, 0
    for group in groups:
        for column in (group.column(at) for at in range(group.num_columns)):
            name, kind = column.path_in_schema, column.physical_type
            if kind not in TYPES:
                raise ValueError(f"column {name[:80]} is of type {kind}, which is not read")
            start = min(o for o in (column.dictionary_page_offset, column.data_page_offset) if o is not None)
            end = min(start + column.total_compressed_size, len(raw))
            for unpacked, encoding, _ in pages(raw, start, end):
                size += unpacked
                if encoding == DELTA_TEXT:
                    raise ValueError(f"column {name[:80]} is packed in a way that is not read")
            values += max(column.num_values, group.num_rows)
    size = max(size, sum(group.total_byte_size for group in groups))
    if rows > most_rows or size > MOST_BYTES or values > MOST_CELLS:
        raise ValueError(f"{rows} rows of {size} bytes, of at most {most_rows} and {MOST_BYTES}")
    if any(file.schema.column(at).max_repetition_level for at in range(file.num_columns)):
        raise ValueError("a column holds lists, which are not read")
    return file


def read(raw: bytes, most_rows: int = MOST_ROWS) -> "pd.DataFrame":
    """Return the rows of a file, its texts as categories.

    Args:
        raw: all bytes of the file.
        most_rows: that are read.

    Raises:
        ValueError: it is no table, or one that is not read (:func:`measure`).
    """
    import pandas as pd

    try:
        file = measure(raw, most_rows)
        texts = [n for n, kind in _columns(file) if kind == "BYTE_ARRAY"]
        return pd.read_parquet(io.BytesIO(raw), read_dictionary=texts)
    except Exception as error:  # pyarrow raises what it likes on bytes that are no table
        raise ValueError(f"cannot be read as a table: {error}") from error


def read_as_written(raw: bytes) -> "pd.DataFrame":
    """Return the rows of a file, its texts as they were when it was written; the rest as :func:`read`.

    Raises:
        ValueError: as of :func:`read`; or its texts, one for each row, would take more bytes than are read.
    """
    import pandas as pd
    from pyarrow import BufferReader, compute, parquet, types

    try:
        file, kept = measure(raw), parquet.ParquetFile(BufferReader(raw))
        plain = [n for n, _ in _columns(file) if not types.is_dictionary(kept.schema_arrow.field(n).type)]
        texts = [n for n, kind in _columns(file) if kind == "BYTE_ARRAY" and n in plain]
        packed = (
            parquet.read_table(BufferReader(raw), columns=texts, read_dictionary=texts) if texts else None
        )
        size = 0
        for chunk in (c for column in (packed.columns if packed else ()) for c in column.chunks):
            size += compute.sum(compute.binary_length(chunk.dictionary).take(chunk.indices)).as_py() or 0
        if size > MOST_BYTES:
            raise ValueError(f"texts of {size} bytes, of at most {MOST_BYTES}")
        return pd.read_parquet(io.BytesIO(raw))
    except Exception as error:
        raise ValueError(f"cannot be read as a table: {error}") from error


def _columns(file: Any) -> list[tuple[str, str]]:
    columns = (file.schema.column(at) for at in range(file.num_columns))
    return [(column.path, column.physical_type) for column in columns]
