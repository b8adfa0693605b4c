"""Plugin of pytest: what nbval skips in an output is compared too: the names of glued values, and pictures.

`make test` loads it with ``-p tests.stored_outputs``; it costs no second execution.
"""

from base64 import b64decode
from itertools import zip_longest

import pytest
from nbval.plugin import IPyNbCell, NbCellError

from qbp.book.svg import STRAY, pixels_apart


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """After a cell has passed nbval's own comparison."""
    yield
    if isinstance(item, IPyNbCell) and (found := differences(item.cell.outputs, item.test_outputs)):
        raise NbCellError(item.cell_num, "Cell outputs differ", item.cell.source, "\n".join(found))


def differences(stored, computed):
    """Return a line for each glued name and each picture that is not what was stored."""
    both = stored, computed
    names = [
        [o.metadata.scrapbook.name for o in part if "scrapbook" in o.get("metadata", {})] for part in both
    ]
    lines = [f"glued is {b}, stored {a}" for a, b in zip_longest(*names) if a != b]
    pictures = [[o.data["image/png"] for o in part if "image/png" in o.get("data", {})] for part in both]
    apart = [pixels_apart(*map(b64decode, pair)) for pair in zip(*pictures, strict=True)]
    return lines + [f"{n} pixels of a picture differ from the stored one" for n in apart if n > STRAY]
