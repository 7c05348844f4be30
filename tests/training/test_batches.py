"""Which examples a step reads: the same for every number of workers, each once an epoch, near in length."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from rich.console import Console

from mmsum import storage
from mmsum.config import Training, load_config
from mmsum.errors import ConfigError
from mmsum.examples import Example, ExampleFigure, examples_to_table
from mmsum.training.batches import IGNORED, EncodedData, Schedule, micro_batches, prefetched
from mmsum.training.encode import encode
from mmsum.training.launch import anchored, check_caps, check_training, parse_workers, run_training
from tests.tiny import png
from tests.training.runs import training_config, write_examples


def test_an_epoch_reads_every_example_once_and_batches_by_length() -> None:
    lengths = [(7 * index) % 1000 for index in range(960)]
    schedule = Schedule(lengths, Training(batch_size=8, micro_batch=2), seed=1)
    epoch = [schedule.examples(step) for step in range(120)]
    assert sorted(index for batch in epoch for index in batch) == list(range(960))
    assert epoch != [schedule.examples(step) for step in range(120, 240)]  # another order in the next epoch
    assert epoch == [Schedule(lengths, Training(batch_size=8, micro_batch=2), seed=1).examples(s) for s in range(120)]
    spread = [max(lengths[i] for i in batch) - min(lengths[i] for i in batch) for batch in epoch]
    assert sum(spread) / len(spread) < 100


def test_workers_share_a_step_without_changing_it(tmp_path: Path) -> None:
    config = training_config(tmp_path, **{"training.text_dropout": 0.3, "training.figure_dropout": 0.3})
    data = EncodedData(encode(config.training.data, config), config, pad=0)
    schedule = Schedule(data.alike, config.training, config.seed)
    alone = micro_batches(data, schedule, 3, rank=0, workers=1, size=1)
    for workers in (2, 3):
        shared = [b for rank in range(workers) for b in micro_batches(data, schedule, 3, rank, workers, size=1)]
        assert [b.ids for b in shared] == [b.ids for b in alone]
        assert all((a.tokens == b.tokens).all() and a.figures == b.figures for a, b in zip(alone, shared, strict=True))
    ahead = dict(prefetched(data, schedule, iter([3, 4]), rank=0, workers=1, size=1))
    assert [b.ids for b in ahead[3]] == [b.ids for b in alone] and list(ahead) == [3, 4]


def test_pairs_of_a_step_are_of_one_kind(tmp_path: Path) -> None:
    kinds = ("line", "pie", "photo")
    examples = [
        Example(f"e{n}", "T", "Text.", [ExampleFigure("Figure 1", "A.", png("red"), kind=kinds[n % 3])], "Red.")
        for n in range(36)
    ]
    pq.write_table(examples_to_table(examples), tmp_path / "pairs.parquet")
    changes = {"training.stage": "finetune_clip", "training.data": str(tmp_path / "pairs.parquet")}
    config = training_config(tmp_path, **changes)
    data = EncodedData(encode(config.training.data, config), config, pad=0)
    schedule = Schedule(data.alike, config.training, config.seed)
    batches = [[data.row(index) for index in schedule.examples(step)] for step in range(6)]
    assert sorted(row["id"] for batch in batches for row in batch) == sorted(e.id for e in examples)
    assert all(len({row["kind"] for row in batch}) == 1 for batch in batches)


def test_dropout_takes_text_or_figures_away_but_never_both(tmp_path: Path) -> None:
    config = training_config(tmp_path, **{"training.text_dropout": 0.5, "training.figure_dropout": 0.5})
    data = EncodedData(encode(config.training.data, config), config, pad=0)
    with_figures = [index for index in range(len(data)) if data.row(index)["images"]]
    seen = set()
    for step in range(20):
        for index in with_figures:
            batch = data.batch([index], step)
            row = data.row(index)
            bare = batch.tokens.shape[1] == len(row["bare_prompt"]) + len(row["target"])
            seen.add((bare, batch.figures[0] > 0))
    assert seen == {(True, True), (False, True), (False, False)}


def test_text_is_dropped_where_figures_are_read_in_words(tmp_path: Path) -> None:
    config = training_config(tmp_path, **{"training.text_dropout": 1, "generation.describe_figures": True})
    data = EncodedData(encode(config.training.data, config), config, pad=0)
    for index in range(3):  # with none, one and two figures
        row = data.row(index)
        batch = data.batch([index], 0)
        assert batch.figures == [0] and bool(row["bare_prompt"]) == (index > 0)
        assert batch.tokens[0].tolist() == (row["bare_prompt"] or row["prompt"]) + row["target"]


def test_workers_that_do_not_divide_a_step_make_it_up_with_blank_batches(tmp_path: Path) -> None:
    config = training_config(tmp_path)
    data = EncodedData(encode(config.training.data, config), config, pad=0)
    schedule = Schedule(data.alike, config.training, config.seed)
    alone = micro_batches(data, schedule, 3, rank=0, workers=1, size=1)
    for workers, share in ((4, 2), (5, 2)):
        shared = [micro_batches(data, schedule, 3, rank, workers, size=1) for rank in range(workers)]
        assert [len(batches) for batches in shared] == [share] * workers
        together = [batch for batches in shared for batch in batches]
        assert [batch.ids for batch in together[: len(alone)]] == [batch.ids for batch in alone]
        assert [batch.real for batch in together] == [place < len(alone) for place in range(len(together))]
        assert all((batch.labels == IGNORED).all() for batch in together if not batch.real)


def test_a_batch_is_micro_batches_for_every_worker(tmp_path: Path) -> None:
    check_training(training_config(tmp_path, **{"training.workers": [1, 6]}))
    with pytest.raises(ConfigError, match=r"training\.batch_size: 6 does not divide into micro-batches of 4"):
        check_training(training_config(tmp_path, **{"training.micro_batch": 4}))
    with pytest.raises(ConfigError, match=r"training\.workers: 4 workers share a step of 3 micro-batches"):
        check_training(training_config(tmp_path, **{"training.workers": [1, 4], "training.micro_batch": 2}))
    assert parse_workers("2-8") == (2, 8) and parse_workers("3") == 3


def test_documents_read_in_words_teach_no_adapters(tmp_path: Path) -> None:
    described, lora = {"generation.describe_figures": True}, {"model.lora_rank": 2}
    frozen = {"training.learning_rate": 0, "training.vision_learning_rate": 0}
    with pytest.raises(
        ConfigError, match=r"training\.learning_rate: no figures are shown .* for LoRA alone, or training"
    ):
        check_training(training_config(tmp_path, **described, **lora))
    with pytest.raises(ConfigError, match=r"training\.learning_rate: no figures are shown"):
        check_training(training_config(tmp_path, **{"training.figure_dropout": 1}))
    check_training(training_config(tmp_path, **described, **lora, **{"training.unit": "both"}))
    check_training(training_config(tmp_path, **described, **{"training.unit": "figure"}))
    check_training(training_config(tmp_path, **described, **{"training.stage": "finetune_clip"}))
    check_training(training_config(tmp_path, **described, **lora, **frozen))
    check_training(training_config(tmp_path, **{"training.figure_dropout": 1}, **lora, **frozen))


def test_clip_needs_a_learning_rate(tmp_path: Path) -> None:
    keys = {"training.stage": "finetune_clip", "training.vision_learning_rate": 0}
    check_training(training_config(tmp_path, **keys))
    with pytest.raises(ConfigError, match=r"training\.learning_rate: nothing would learn: CLIP's"):
        check_training(training_config(tmp_path, **keys, **{"training.learning_rate": 0}))


@pytest.mark.parametrize("key", ["training.data", "training.valid"])
def test_clip_without_figures_is_refused_by_name_before_models_are_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setattr("mmsum.training.loop.load_fused", lambda *_, **__: pytest.fail("models were loaded"))
    bare = write_examples(tmp_path / "bare.parquet", count=2, figures=[])
    config = training_config(tmp_path, **{"training.stage": "finetune_clip", key: str(bare)})
    with pytest.raises(ConfigError, match=rf"^{key}: no example has a figure that CLIP could"):
        run_training(config, Console(quiet=True), local=True)


@pytest.mark.parametrize("unit", ["both", "document"])
def test_documents_read_in_words_need_lora(tmp_path: Path, unit: str) -> None:
    keys = {"generation.describe_figures": True, "training.unit": unit}
    with pytest.raises(ConfigError, match=rf"training\.unit: {unit} .* only LoRA learns; set model\.lora_rank and"):
        check_training(training_config(tmp_path, **keys))
    with pytest.raises(ConfigError, match=r"nothing would learn: .* model\.lora_rank of 0"):
        check_training(
            training_config(tmp_path, **keys, **{"training.learning_rate": 0, "training.vision_learning_rate": 0})
        )


def test_models_named_by_relative_paths_are_found_from_other_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray Train's workers stand elsewhere, where a folder's name would be taken for one of a hub's."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights.pt").touch()
    monkeypatch.chdir(tmp_path)
    here = {"model.backbone": "model", "model.vision_weights": "model/weights.pt"}
    model = anchored(training_config(tmp_path, **here)).model
    assert (model.backbone, model.vision_weights) == (str(tmp_path / "model"), str(tmp_path / "model" / "weights.pt"))
    there = {"model.backbone": "owner/model", "model.vision_weights": "openai"}
    model = anchored(training_config(tmp_path, **there)).model
    assert (model.backbone, model.vision_weights) == ("owner/model", "openai")


@pytest.mark.parametrize(
    ("caps", "said"),
    [
        ({"resources.max_cpus": 5}, r"training\.workers: 4 take 6 CPUs, but resources\.max_cpus is 5"),
        ({"resources.max_gpus": 3}, r"training\.workers: 4 take 4 GPUs, but resources\.max_gpus is 3"),
    ],
)
def test_workers_above_the_caps_are_refused(tmp_path: Path, caps: dict[str, int], said: str) -> None:
    keys = {"training.workers": [2, 4], "training.worker_cpus": 1.5}
    with pytest.raises(ConfigError, match=said):
        check_caps(training_config(tmp_path, **keys, **caps))
    check_caps(training_config(tmp_path, **keys, **{"resources.max_cpus": 6, "resources.max_gpus": 4}))
    check_caps(training_config(tmp_path, **keys, **{"resources.max_gpus": 0}))  # none at all: CPUs


@pytest.mark.parametrize("export", ["package:mmsum/presets/pocket", "s3://models/export", None])
def test_relative_paths_mean_the_folder_that_a_run_was_started_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, export: str | None
) -> None:
    """Ray Train's workers stand in folders of their own."""
    monkeypatch.chdir(tmp_path)
    config = anchored(load_config(**{"model.export": "run/export", "training.out": "next"}))
    assert config.model.export == str(tmp_path / "run" / "export")
    assert config.training.out == storage.normalize(str(tmp_path / "next"))
    assert anchored(config) == config
    assert anchored(load_config(**{"model.export": export, "training.out": "s3://b/out"})).model.export == export  # type: ignore[arg-type]
