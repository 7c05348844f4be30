"""Files of examples that cannot be read are named, with the reason; harmless differences of types are read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mmsum.data import files
from mmsum.data.files import read_examples, refuse_parts, write_part
from mmsum.errors import OutputError, SourceError
from mmsum.examples import Example, ExampleFigure
from tests.tiny import png

FIGURE: dict[str, Any] = {"label": "Figure 1", "image": b"x", "bbox": [1, 2, 3, 4]}


def read(folder: Path, **columns: Any) -> list[Example]:
    """What comes back of one row with these columns beside the needed ones."""
    table = pa.table({"id": ["a"], "text": ["Loans rose."], "summary": ["They rose."]} | columns)
    pq.write_table(table, folder / "part.parquet")
    return list(read_examples(str(folder)))


def test_a_part_damaged_in_the_middle_is_named(tmp_path: Path) -> None:
    write_part(
        str(tmp_path), 0, [Example("a", "", "Loans rose. " * 100, [ExampleFigure("", "", png("red"))], "They rose.")]
    )
    part = tmp_path / "part-00000.parquet"
    whole = part.read_bytes()
    part.write_bytes(whole[:20] + bytes(200) + whole[220:])  # the footer is whole: it opens
    with pytest.raises(SourceError, match=r"part-00000\.parquet: not a readable Parquet file \(.+\); write"):
        list(read_examples(str(tmp_path)))


def test_parts_are_written_while_examples_still_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PART_BYTES", 2000)
    there: list[int] = []

    def examples() -> Iterator[Example]:
        for number in range(10):
            there.append(len(list(tmp_path.glob("*/*"))))
            split = "test" if number == 4 else "train"
            yield Example(f"e{number}", "", "Loans rose. " * 50, [], "They rose.", split=split)

    assert files.write_splits(str(tmp_path), examples()) == {"train": 9, "test": 1}
    assert there == [0, 0, 0, 0, 1, 1, 1, 1, 1, 2]  # four a part: the fifth begins the next
    names = [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.glob("*/*"))]
    assert names == ["test/part-00000.parquet", *(f"train/part-0000{number}.parquet" for number in range(3))]
    assert [e.id for e in read_examples(str(tmp_path / "train"))] == [f"e{n}" for n in range(10) if n != 4]


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("id", [7], "column id holds int64, not string"),
        ("figures", ["a.png"], "column figures holds string, not list<"),
        ("figures", [["a.png"]], r"column figures\[\] holds string, not struct<"),
        ("figures", [[FIGURE | {"page": "2"}]], r"column figures\[\]\.page holds string, not int32"),
        ("facts", [["a"]], "column facts holds list<.*>, not string"),
    ],
)
def test_a_column_of_another_type_is_named(tmp_path: Path, name: str, values: list[Any], message: str) -> None:
    with pytest.raises(SourceError, match=rf"part\.parquet: {message}"):
        read(tmp_path, **{name: values})


def test_types_that_say_the_same_are_read(tmp_path: Path) -> None:
    (plain,) = read(tmp_path, figures=[[FIGURE, None]])  # binary, whole numbers, a null figure; no other column
    assert [(f.label, f.image, f.bbox) for f in plain.figures] == [("Figure 1", b"x", [1, 2, 3, 4])]
    large = pa.array(["a"], pa.large_string())
    split = pa.array(["test"]).dictionary_encode()
    (other,) = read(
        tmp_path,
        id=large,
        split=split,
        licence=pa.nulls(1),
        source=pa.nulls(1, pa.float64()),
        figures=pa.array([[FIGURE]]),
        more=[1],
    )
    assert other == replace(plain, split="test")


def test_a_folder_with_any_part_is_refused(tmp_path: Path) -> None:
    """Parts are written in parallel: a killed run may have left the second without the first."""
    folder = str(tmp_path / "train")
    refuse_parts(folder)
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "notes.txt").write_text("part-00000.parquet is to come")
    refuse_parts(folder)
    write_part(folder, 1, [Example("a", "", "Text.", [], "Gold.")])
    with pytest.raises(OutputError, match="holds examples already"):
        refuse_parts(folder)
