"""`mmsum train`: in this process (`--local`), under torchrun, or on a Ray cluster (on_ray.py)."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

from rich.console import Console

from mmsum import storage
from mmsum.config import Config
from mmsum.errors import ConfigError, UsageError
from mmsum.model.manifest import as_exported
from mmsum.training.encode import Encoded, encode_data
from mmsum.training.rows import RULES


def run_training(config: Config, console: Console, *, local: bool = False, until: int | None = None) -> str | None:
    """Trains as `config.training` says; returns the export's folder. Started again, it goes on from the last checkpoint.

    Raises UsageError before anything starts when the config is wrong, EnvironmentFailure when the run cannot go on.
    """
    check_training(config)
    config = anchored(config)
    if local:
        export = train_in_process(config, console, until=until)
    else:
        from mmsum.training.on_ray import train_on_ray

        export = train_on_ray(config, console)
    if export and (not local or os.environ.get("RANK", "0") == "0"):
        _announce_export(config, export, console)
    return export


def anchored(config: Config) -> Config:
    """The config with relative paths made absolute: Ray Train's workers stand in folders of their own."""
    model, out = config.model, storage.normalize(config.training.out)
    places = {name: _anchored(getattr(model, name)) for name in ("backbone", "vision_weights")}  # or a hub's names
    export = model.export
    if export and "://" not in export and not export.startswith("package:"):
        places["export"] = str(Path(export).expanduser().absolute())
    training = config.training.model_copy(update={"out": out})
    return config.model_copy(update={"training": training, "model": model.model_copy(update=places)})


def _anchored(name: str) -> str:
    path = Path(name).expanduser()
    return str(path.absolute()) if name and path.exists() else name


def _announce_export(config: Config, export: str, console: Console) -> None:
    from mmsum.training.screen import draw_losses

    sizes = {ref.uri.rpartition("/")[2]: ref.size for ref in storage.list_objects(export)}
    files = ", ".join(f"{name} {size:,} bytes" for name, size in sorted(sizes.items()))
    console.print(f"losses     {draw_losses(config.training.out)}", soft_wrap=True)
    console.print(f"export     {export}", soft_wrap=True)
    console.print(f"files      {files}", soft_wrap=True, highlight=False)
    if config.training.stage == "train":
        preset = f" --preset {config.preset}" if config.preset else ""
        console.print(f"next       mmsum summarize SRC OUT{preset} --model {export}", soft_wrap=True)


def check_training(config: Config) -> None:
    """Raises ConfigError for what can be known to be wrong without loading anything."""
    training = config.training
    for name, what in (
        ("data", "examples to learn from"),
        ("out", "a folder or prefix for checkpoints and the export"),
    ):
        if not getattr(training, name):
            raise ConfigError(f"training.{name}: empty; name {what}")
    batches, rest = divmod(training.batch_size, training.micro_batch)
    if rest:
        raise ConfigError(
            f"training.batch_size: {training.batch_size} does not divide into micro-batches of {training.micro_batch}; "
            "choose a multiple of training.micro_batch"
        )
    if (most := training.worker_range[1]) > batches:
        raise ConfigError(
            f"training.workers: {most} workers share a step of {batches} micro-batches (training.batch_size "
            f"{training.batch_size}, training.micro_batch {training.micro_batch}); use fewer, or smaller micro-batches"
        )
    if training.stage == "train":
        _check_learning(config)
    elif training.learning_rate == 0 and training.vision_learning_rate == 0:
        raise ConfigError(
            "training.learning_rate: nothing would learn: CLIP's tower and its text side have a learning rate of 0; raise one"
        )
    if training.offload and not training.zero:
        raise ConfigError(
            "training.offload: ZeRO 0 keeps no state that could be offloaded; set training.zero to 1, 2 or 3"
        )


def _check_learning(config: Config) -> None:
    """Raises ConfigError where what has a learning rate would have nothing to learn from."""
    training, described = config.training, config.generation.describe_figures
    adapters = training.learning_rate > 0 or training.vision_learning_rate > 0
    in_words = described and training.unit in ("document", "both")
    lora = training.lora_learning_rate > 0
    if in_words or not adapters:  # an export that has none yet gets LoRA from this config
        lora = lora and (config.model.lora_rank or as_exported(config.model).lora_rank) > 0
    if not lora and not adapters:
        raise ConfigError(
            "training.learning_rate: nothing would learn: adapters and tower have a learning rate of 0, LoRA has one too or a "
            "model.lora_rank of 0; raise one"
        )
    if in_words and not lora:
        raise ConfigError(
            f"training.unit: {training.unit} with generation.describe_figures reads documents in words, from which "
            "only LoRA learns; set model.lora_rank and training.lora_learning_rate, or training.unit: figure"
        )
    if adapters and ((described and training.unit == "document") or training.figure_dropout == 1):
        raise ConfigError(
            "training.learning_rate: no figures are shown where training.unit is document and generation.describe_figures has "
            "them described first, or training.figure_dropout is 1: adapters and tower would learn nothing; set both their "
            "learning rates to 0 for LoRA alone, or training.unit: both"
        )


def check_caps(config: Config) -> None:
    """Ray Train takes its workers whole. Raises ConfigError when the largest group is above the run's caps."""
    training, resources = config.training, config.resources
    most = training.worker_range[1]
    for cap, taken, what in (
        (resources.max_cpus, most * training.worker_cpus, "CPUs"),
        (resources.max_gpus or None, most, "GPUs"),
    ):
        if cap is not None and taken > cap:
            raise ConfigError(
                f"training.workers: {most} take {taken:g} {what}, but resources.max_{what.lower()} is {cap:g}; "
                "take fewer workers, or raise it"
            )


def parse_workers(text: str) -> int | tuple[int, int]:
    """`4` or `2-8` as `--workers` takes it. Raises UsageError for anything else."""
    low, dash, high = text.partition("-")
    if low.isdigit() and (high.isdigit() if dash else True):
        return (int(low), int(high)) if dash else int(low)
    raise UsageError(f"--workers: {text!r} is neither a number nor MIN-MAX, as in --workers 2-8")


def announce(console: Console, encoded: Encoded) -> None:
    """What there is to learn from, and what the rules left out or shortened."""
    rows = encoded.index.num_rows
    figures = sum(encoded.index["figures"].to_pylist())
    console.print(f"{rows} examples with {figures} figures", soft_wrap=True)
    for name, count in encoded.counts.items():
        console.print(f"  {count} × {RULES[name]}", soft_wrap=True)


def train_in_process(config: Config, console: Console, *, until: int | None = None) -> str | None:
    """One worker here, without Ray and without DeepSpeed; or one of torchrun's workers, with it."""
    from mmsum.training.loop import train
    from mmsum.training.screen import Screen
    from mmsum.training.world import join_world

    world = join_world()
    say = Console(quiet=True) if not world.first else console
    encoded, valid = world.tell(encode_data(config) if world.first else None)
    announce(say, encoded)
    with closing(Screen(config, world, lambda line: say.print(line, soft_wrap=True, highlight=False))) as screen:
        deepspeed = world.size > 1 or "RANK" in os.environ
        return train(config, encoded, valid, world, screen, deepspeed=deepspeed, until=until)
