"""Examples as a step reads them, and what the rules leave out, shorten and count."""

from __future__ import annotations

import io
import os
from pathlib import Path

import huggingface_hub
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

import mmsum.training.encode as encoding
from mmsum import storage
from mmsum.config import Config
from mmsum.data.files import list_examples
from mmsum.errors import ConfigError, EnvironmentFailure, SourceError
from mmsum.examples import Example, ExampleFigure, examples_to_table
from mmsum.model.torchstack import transformers
from mmsum.training.batches import IGNORED, EncodedData
from mmsum.training.encode import encode, encode_data, encode_part, list_parts, load_chat
from mmsum.training.launch import run_training
from tests.tiny import png
from tests.training.runs import example, training_config, write_examples


def test_a_folder_of_several_splits_is_not_learned_from(tmp_path: Path) -> None:
    """`mmsum data` writes each split under one OUT: a folder is read whole, and what is learned cannot be measured."""
    for split in ("train", "test"):
        write_examples(tmp_path / "all" / split / "part-00000.parquet", 3, split=split)
    said = r"training\.data: \S+/all holds examples of the split test .*/all/test/part-00000\.parquet.* as DATA/train"
    with pytest.raises(ConfigError, match=said):
        encode(str(tmp_path / "all"), training_config(tmp_path))
    for split in ("train", "test"):
        assert encode(str(tmp_path / "all" / split), training_config(tmp_path)).index.num_rows == 3


def test_a_run_goes_through_all_of_them_and_says_what_it_left_out(tmp_path: Path) -> None:
    odd = [
        example(id="plain"),
        example(id="bare", figures=[]),
        example(id="broken", figures=[ExampleFigure("", "", b"no image")]),
        example(id="many", figures=[ExampleFigure("", "", png("red"))] * 200),
        example(id="empty", summary=""),
        example(id="nothing", text="", figures=[]),
        example(id="long", text="A long text. " * 500, summary="A long summary. " * 50),
    ]
    path = tmp_path / "odd" / "odd.parquet"
    path.parent.mkdir()
    pq.write_table(examples_to_table(odd), path)
    config = training_config(tmp_path, **{"training.data": str(path), "training.batch_size": 5, "training.steps": 3})
    said = io.StringIO()
    assert run_training(config, Console(file=said, width=200), local=True)
    assert "5 examples with 9 figures" in said.getvalue()
    for line in (
        "1 × left out: the gold summary is empty",
        "1 × left out: neither text nor captions nor figures",
        "1 × figures whose image cannot be decoded",
        "1 × gold summary over generation.summary_tokens",
        "× text over generation.context_tokens",
        "× figures beyond generation.figures_per_call",
    ):
        assert line in said.getvalue(), line


def test_soft_tokens_that_no_call_has_room_for_are_refused(tmp_path: Path) -> None:
    keys = {"model.fusion": "prefix", "model.prefix_tokens": 256, "generation.context_tokens": 500}
    config = training_config(tmp_path, **keys)
    with pytest.raises(ConfigError, match=r"model\.prefix_tokens: a figure takes 256 tokens, and .* leaves \d+;"):
        encode(config.training.data, config)


def test_a_tokenizer_that_cannot_end_a_text_is_refused(tmp_path: Path) -> None:
    config = training_config(tmp_path)
    tokenizer = transformers.AutoTokenizer.from_pretrained(config.model.backbone)
    tokenizer.eos_token = None
    tokenizer.save_pretrained(config.model.backbone)
    with pytest.raises(ConfigError, match=r"model\.backbone: the tokenizer of .* has no eos_token"):
        encode(config.training.data, config)


def test_parts_are_made_once_and_read_in_any_order(config: Config) -> None:
    encoded = encode(config.training.data, config)
    assert encoded.index.num_rows == 18 and encoded.index["part"].to_pylist()[-1] == 3
    before = {path: path.stat().st_mtime_ns for path in Path(encoded.folder).glob("*.parquet")}
    assert encode(config.training.data, config).index.equals(encoded.index)
    assert before == {path: path.stat().st_mtime_ns for path in Path(encoded.folder).glob("*.parquet")}
    data = EncodedData(encoded, config, pad=0)
    assert [data.row(index)["id"] for index in (17, 0, 9)] == ["example-17", "example-0", "example-9"]
    batch = data.batch([0, 2], step=None)  # one without figures, one with two
    assert batch.figures == [0, 2] and batch.images.shape[0] == 2
    for row, index in enumerate((0, 2)):
        target = data.row(index)["target"]
        assert batch.labels[row, -len(target) :].tolist() == target == batch.tokens[row, -len(target) :].tolist()
        assert (batch.labels[row, : -len(target)] == IGNORED).all()
    assert data.batch([0], step=None).images.shape[0] == 1  # a blank one, so that every worker runs the tower


def test_large_row_groups_are_encoded_in_pieces(tmp_path: Path) -> None:
    """What pandas or Spark writes may be one row group: a task does not hold all of it."""
    folder = tmp_path / "large"
    folder.mkdir()
    table = examples_to_table([example(id=str(number)) for number in range(170)])
    pq.write_table(table[:120], folder / "a.parquet")
    pq.write_table(table[120:], folder / "b.parquet")
    config = training_config(tmp_path, **{"training.data": str(folder)})
    parts = list_parts(list_examples(str(folder)))
    assert [(part.number, part.start, part.examples) for part in parts] == [
        (2, 0, 50),
        (3, 50, 50),
        (4, 100, 20),
        (1, 0, 50),  # whole, and numbered as ever
    ]
    encoded = encode(str(folder), config)
    data = EncodedData(encoded, config, pad=0)
    assert [data.row(index)["id"] for index in range(170)] == [str(number) for number in range(170)]
    # A task may come before one that this process has done, as when a worker was lost.
    before = storage.read_table(encoded.part_uri(3))
    for number in (2, 3):
        Path(encoded.part_uri(number).removeprefix("file://")).unlink()
    for part in (parts[1], parts[0]):
        encode_part(part, encoded.folder, config)
    assert storage.read_table(encoded.part_uri(3)).equals(before)
    assert storage.read_table(encoded.part_uri(2))["id"].to_pylist() == [str(number) for number in range(50)]


def test_many_examples_are_encoded_by_several_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = training_config(tmp_path)
    alone = encode(config.training.data, config)
    monkeypatch.setattr(encoding, "EXAMPLES_OF_A_PROCESS", 6)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})
    monkeypatch.setattr(encoding, "load_chat", None)  # this process encodes nothing
    config = training_config(tmp_path, **{"training.out": str(tmp_path / "together")})
    together = encode(config.training.data, config)
    assert together.index.equals(alone.index) and together.counts == alone.counts
    for number in range(4):
        assert storage.read_table(together.part_uri(number)).equals(storage.read_table(alone.part_uri(number)))


def test_a_process_that_dies_while_it_encodes_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = training_config(tmp_path)
    monkeypatch.setattr(encoding, "EXAMPLES_OF_A_PROCESS", 6)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})
    monkeypatch.setattr(encoding, "encode_part", die)
    with pytest.raises(EnvironmentFailure, match="a process that encoded examples died, .* the same command goes on"):
        encode(config.training.data, config)


def die(*args: object) -> int:
    os._exit(9)


def test_encoding_fetches_no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes on wherever there are CPUs, and each machine would fetch all of the backbone."""
    local, asked = training_config(tmp_path).model.backbone, list[str]()

    def fetch(name: str, *, allow_patterns: list[str], **how: object) -> str:
        asked.extend(allow_patterns)
        return local

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    load_chat(training_config(tmp_path, **{"model.backbone": "some/backbone"}))
    assert "*.json" in asked and "*.safetensors" not in asked


def test_data_that_is_none_says_so(config: Config, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"holds no Parquet files of examples; make some with `mmsum data`"):
        encode(str(tmp_path), config)
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 torn")
    with pytest.raises(SourceError, match=r"torn\.parquet: not a readable Parquet file"):
        encode(str(tmp_path), config)
    damaged = write_examples(tmp_path / "damaged" / "part.parquet")
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:20] + bytes(200) + whole[220:])  # the footer is whole: it opens
    with pytest.raises(SourceError, match=r"part\.parquet: not a readable Parquet file"):
        encode(str(damaged), config)
    other = tmp_path / "other" / "names.parquet"
    other.parent.mkdir()
    pq.write_table(pa.table({"id": ["a"], "text": ["b"]}), other)
    with pytest.raises(SourceError, match="no column summary; examples need"):
        encode(str(other), config)
    write_examples(tmp_path / "empty" / "empty.parquet", summary="")
    with pytest.raises(ConfigError, match=r"no example to learn from \(18 no_summary\)"):
        encode(str(tmp_path / "empty"), config)


def test_what_is_measured_on_is_not_learned_from(tmp_path: Path) -> None:
    write_examples(tmp_path / "data" / "more.parquet", 3)
    keys = {"training.data": str(tmp_path / "data"), "training.valid": str(tmp_path / "data" / "more.parquet")}
    with pytest.raises(
        ConfigError, match=r"^training\.valid: \S+/data/more\.parquet is among training\.data too, .* DATA/valid"
    ):
        encode_data(training_config(tmp_path, **keys))


def test_trouble_with_what_is_measured_on_is_told_as_that(tmp_path: Path) -> None:
    valid = write_examples(tmp_path / "valid" / "empty.parquet", summary="")
    with pytest.raises(ConfigError, match=r"^training\.valid: \S+ has no example to measure on \(18 no_summary\)"):
        encode_data(training_config(tmp_path, **{"training.valid": str(valid)}))


def test_adapters_learn_from_nothing_but_figures(tmp_path: Path) -> None:
    data = write_examples(tmp_path / "bare" / "bare.parquet", figures=[])
    keys = {"training.data": str(data), "training.batch_size": 2}
    with pytest.raises(ConfigError, match=r"^training\.data: no example of \S+ has a figure, .* for LoRA alone"):
        encode_data(training_config(tmp_path, **keys))
    lora = {"model.lora_rank": 2, "training.lora_learning_rate": 0.1}
    encoded, valid = encode_data(
        training_config(tmp_path, **keys, **lora, **{"training.learning_rate": 0, "training.vision_learning_rate": 0})
    )
    assert encoded.index.num_rows == 18 and valid is None


def test_examples_survive_parquet(tmp_path: Path) -> None:
    table = examples_to_table([example()])
    pq.write_table(table, tmp_path / "one.parquet")
    read = Example.from_row(pq.read_table(tmp_path / "one.parquet").to_pylist()[0])
    assert read == example()
