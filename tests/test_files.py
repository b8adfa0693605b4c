"""Files are written whole, whoever else writes them."""

import os

from qbp import _files


def test_two_writers_of_one_file_do_not_trip_over_each_other(tmp_path, monkeypatch):
    """The second one writes and ends while the first has written and not yet renamed."""
    replace = os.replace

    def meanwhile(new, path):
        monkeypatch.setattr(os, "replace", replace)
        _files.write(path, b"second")
        replace(new, path)

    monkeypatch.setattr(os, "replace", meanwhile)
    _files.write(tmp_path / "file", b"first")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"first")]
