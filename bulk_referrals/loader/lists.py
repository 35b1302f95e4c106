"""A list of contacts, such as a suppression list: every cell of a file, whatever its columns."""

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from bulk_referrals.errors import NothingToDoError
from bulk_referrals.loader import encoding, files, parquet
from bulk_referrals.loader.files import Kind
from bulk_referrals.loader.tables import limits
from bulk_referrals.model import LoadOptions

# Seven digits, if perhaps apart, or an at sign (also full-width): the rest is headings and names.
_COULD_BE_CONTACT: Final = r"(\p{Nd}[^\p{Nd}]{0,2}){7}|[@\x{FF20}]"


def load_list(path: str, options: LoadOptions) -> pa.ChunkedArray:
    """Return the cells of a file that could be contacts, as text.

    All sheets are read, hidden ones too: whoever asked not to be invited stays uninvited.

    Args:
        path: the file.
        options: its encoding, if it is a text file, and what reading it may take.

    Raises:
        InputError: it cannot be read, or is missing or empty: then nobody would be kept from
            being invited, which is no quiet night.
    """
    try:
        content = files.read(path, None, options.max_memory_bytes)
    except NothingToDoError as nothing:
        raise nothing.as_fault() from None
    if content.kind is Kind.TEXT:
        text, _ = encoding.to_utf8(path, content.content, options.encoding)
        whole = pa.array([text.decode("utf-8", "replace")], pa.large_string())
        cells = pc.list_flatten(pc.split_pattern_regex(whole, r"[\r\n,;\t|]+")).cast(pa.string())
        columns = [pc.utf8_trim(cells, ' "')]
    elif content.kind is Kind.PARQUET:
        columns = parquet.read_cells(content, options)
    else:
        from bulk_referrals.workbooks.isolated import (  # noqa: PLC0415 - start-up time
            read_workbook,
        )

        sheets = read_workbook(path, content.content, (), limits(options))
        columns = [chunk for s in sheets for c in s.cells.columns for chunk in c.chunks]
    every = pa.chunked_array(columns, pa.string())
    return every.filter(pc.match_substring_regex(every, _COULD_BE_CONTACT))
