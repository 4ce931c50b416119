"""Lists of pictures to leave out, as programs save them."""

from __future__ import annotations

from pathlib import Path

import pytest

from vaegan import UserError
from vaegan.data.sources.leave_out import read_list

LISTS = {
    "commas": "name,finding,leave_out\nKöln.jpg,blank,1\nb.jpg,small,0\n".encode(),
    "a German Excel": "name;finding;leave_out\r\nKöln.jpg;blank;1\r\nb.jpg;small;\r\n".encode("utf-8-sig"),
    "Unicode text of Excel": "name\tfinding\tleave_out\r\nKöln.jpg\tblank\t1\r\nb.jpg\tsmall\t0\r\n".encode("utf-16"),
    "a column of names alone": "file_name\nKöln.jpg\n".encode(),
}


@pytest.mark.parametrize("content", LISTS.values(), ids=LISTS.keys())
def test_a_list_is_read_as_any_table_is(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_bytes(content)
    assert read_list(tmp_path / "list.csv") == {"Köln.jpg"}


def test_another_encoding_is_refused_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_bytes(LISTS["commas"].decode().encode("cp1252"))
    with pytest.raises(UserError, match=r"save it again in UTF-8 \(in Excel, the file type CSV UTF-8\)$"):
        read_list(tmp_path / "list.csv")
