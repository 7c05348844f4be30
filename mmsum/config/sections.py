"""Every config key with its default and its bounds.

Fields made by `_answer` change what is written; a resume with other values of those is refused. Everything under
`resources`, `robustness` and `prices` only changes how fast, or when a run gives up.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic.fields import FieldInfo


def _answer(default: Any, description: str, **bounds: Any) -> Any:
    """A field whose value changes the answer (and so the config fingerprint)."""
    return Field(default, description=description, json_schema_extra={"answer": True}, **bounds)


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Limits(_Section):
    """What one document may cost. Reaching a limit gives a `partial` row or a named failure, never a dead worker."""

    bytes: int = _answer(512 * 2**20, "largest object fetched, in bytes; larger is `too_large`", ge=1)
    pages: int = _answer(2000, "pages read of one document; the rest is left out and the row is `partial`", ge=1)
    ocr_pages: int = _answer(100, "scanned pages of one document read by OCR, with mmsum[ocr] installed", ge=0)
    figures: int = _answer(64, "figures kept of one document, in reading order", ge=0)
    pixels: int = _answer(64_000_000, "largest image decoded, in pixels", ge=1)
    # With the start of OCR in it: 30 s were too few once, on two cores at a load of 6.
    seconds_per_page: float = _answer(60.0, "parse time of one page, in seconds", gt=0)
    seconds_per_document: float = _answer(300.0, "parse time of one document, in seconds", gt=0)
    memory_mb: int = _answer(4096, "address space of the parsing child, in MiB; it needs 1.1 GiB for itself", ge=1280)
    calls: int = _answer(
        64, "model calls that read one document, beside those that describe figures; then it is `partial`", ge=1
    )


class Figures(_Section):
    """How figures are cut out of pages."""

    longest_side: int = _answer(672, "longest side of a figure's crop, in pixels", ge=32, le=4096)
    dpi: int = _answer(150, "resolution at which crops are rendered, before longest_side applies", ge=36, le=600)
    read_legends: int = _answer(
        0,
        "figures of one document that may be pictures of charts and whose legends are read by OCR, with mmsum[ocr] installed; "
        "one to four seconds each (legends of charts drawn as lines and letters in a PDF are always read)",
        ge=0,
    )


class Generation(_Section):
    """How text is written."""

    context_tokens: int = _answer(2048, "tokens of one call: prompt and summary together", ge=64)
    summary_tokens: int = _answer(128, "longest summary, in tokens", ge=8)
    least_tokens: int = _answer(
        1, "tokens before which what is written of a text does not end; small models break off early", ge=1
    )
    batch_size: int = _answer(16, "sequences decoded together; batches never cross a shard", ge=1)
    figures_per_call: int = _answer(
        8, "figures shown in one call that reads a document; no more than 64 can be told apart", ge=0, le=64
    )
    figure_text_tokens: int = _answer(
        0,
        "tokens of the text inside a figure (axis titles, legend, boxes of a diagram) that are read under its caption, at "
        "most an eighth of context_tokens",
        ge=0,
    )
    describe_figures: bool = _answer(
        False,
        "a trained model first describes each figure by itself, with its caption (what training.unit: figure teaches); its "
        "words then stand behind the caption in the text, which is read without the figure, and in the summary in place of "
        "its sentences that name the figure; training reads documents in the same way",
    )
    silence_above: float = _answer(
        0.0,
        "with describe_figures, how likely it must be that there is nothing to say of a figure, for nothing to be said; at 0, "
        "likelier than any first word",
        ge=0,
        le=1,
    )
    repetition_penalty: float = _answer(
        1.1,
        "divides the logits of tokens already written, except where trained adapters tell of figures; 1 is plain greedy "
        "decoding",
        ge=1.0,
        le=2.0,
    )
    known_numbers: bool = _answer(
        False,
        "leave out of a summary the sentences with a number, of two digits or more, that its document does not have, or not so "
        "often: small models make numbers up, and tell one of something else again; larger ones may have reckoned them",
    )
    known_names: bool = _answer(
        False,
        "leave out of a summary the sentences with two names or more that its document does not have: small models make up who "
        "did something, where and with what; not in languages that write all nouns with a capital",
    )
    lead_sentences: int = _answer(5, "sentences kept by the `lead` summarizer", ge=1)

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        if self.figure_text_tokens > self.context_tokens // 8:
            raise ValueError(
                f"figure_text_tokens {self.figure_text_tokens} is above an eighth of context_tokens "
                f"{self.context_tokens}; lower it"
            )
        if self.least_tokens > self.summary_tokens:
            raise ValueError(
                f"least_tokens {self.least_tokens} is above summary_tokens {self.summary_tokens}; lower it"
            )
        return self


class Model(_Section):
    """Which models are joined. Set by a preset; `mmsum summarize --model FOLDER` replaces the trained parts."""

    backbone: str = _answer(
        "",
        "Hugging Face id, local folder, folder in an object store, or package:NAME/FILE.gguf of a causal language model",
    )
    backbone_revision: str | None = _answer(None, "commit of a hub backbone")
    vision: str = _answer("", "open_clip model name, or `timm:NAME` for a timm trunk under open_clip")
    vision_weights: str = _answer(
        "", "open_clip tag, file here or in an object store, or package:NAME/FILE; empty is random"
    )
    vision_revision: str | None = _answer(None, "commit of the hub repository that an open_clip tag names")
    image_size: int = _answer(224, "side of the square image given to the vision tower, in pixels", ge=32)
    fusion: Literal["cross_attention", "prefix"] = _answer(
        "cross_attention",
        "how figures reach the backbone: gated cross-attention between its layers, or soft tokens in the prompt",
    )
    fusion_every: int = _answer(6, "cross_attention: a gated block before every k-th decoder layer", ge=1)
    fusion_mlp: int = _answer(0, "cross_attention: width of each block's MLP; 0: that of the backbone's own", ge=0)
    fusion_choice: int = _answer(
        0, "cross_attention: rank by which each text token weighs what it saw of a figure; 0: all counts alike", ge=0
    )
    prefix_tokens: int = _answer(16, "prefix: soft tokens of a figure", ge=1, le=256)
    prefix_layers: int = _answer(2, "prefix: layers of the resampler; 0: every figure token becomes a soft token", ge=0)
    lora_rank: int = _answer(0, "rank of LoRA on the backbone's linear layers; 0 leaves the backbone as it is", ge=0)
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = _answer(
        "auto", "auto: bfloat16 on GPUs and on CPUs with bf16 instructions, else float32 (GPUs that only read: float16)"
    )
    export: str | None = _answer(None, "folder of trained weights written by `mmsum train`, here or in an object store")


class Training(_Section):
    """`mmsum train CONFIG`. What is trained follows from `stage` and the learning rates; the backbone never is."""

    stage: Literal["train", "finetune_clip"] = _answer(
        "train", description="train: adapters and CLIP on gold summaries; finetune_clip: CLIP on figures and captions"
    )
    data: str = Field("", description="examples to learn from: a Parquet file, folder, glob or prefix")
    valid: str = Field("", description="examples whose loss is watched; empty: none")
    out: str = Field("", description="folder or prefix of checkpoints, logs and the export")
    unit: Literal["document", "figures", "figure", "both"] = _answer(
        "document",
        "document: one example a document; figures: its figures without its text, with what the summary says of them; "
        "figure: one example a figure, with an empty text where the summary says nothing of it (in finetune_clip, instead of "
        "the caption, the facts that the example lists of it, else what the summary says of it); "
        "both: documents and, beside each, its figures one by one (for generation.describe_figures)",
    )
    steps: int = _answer(1000, description="optimizer steps", ge=1)
    batch_size: int = _answer(8, description="examples of one step, over all workers; a multiple of micro_batch", ge=1)
    micro_batch: int = Field(2, description="examples of one forward pass of one worker", ge=1)
    learning_rate: float = _answer(
        1e-3, description="of the adapters (in finetune_clip: of CLIP's text side); 0 keeps them frozen", ge=0
    )
    vision_learning_rate: float = _answer(1e-4, description="of the vision tower; 0 keeps it frozen", ge=0)
    vision_unlocked_groups: int | None = _answer(
        None,
        "train the last groups of the tower's layers only (a group is a block, mostly); empty: all. The first ones of a "
        "convolutional tower are half of its work, and know what they need",
        ge=0,
    )
    lora_learning_rate: float = _answer(2e-4, description="of LoRA, with model.lora_rank; 0 keeps it as it is", ge=0)
    warmup_steps: int = _answer(50, description="steps over which learning rates rise from 0", ge=0)
    final_rate: float = _answer(0.1, description="share of the learning rate left at the end of the cosine", ge=0, le=1)
    weight_decay: float = _answer(0.01, description="of matrices; norms, biases and gates have none", ge=0)
    clip_norm: float = _answer(
        1.0, description="largest norm of the gradient over all that trains; 0 is no clipping", ge=0
    )
    gate_start: float = _answer(
        0.0,
        description="where new gates start, and the least that an export's attention gates are open; 0: the untrained backbone",
        ge=0,
    )
    text_dropout: float = _answer(0.0, description="share of examples shown without their text", ge=0, le=1)
    answer_weight: float = _answer(
        1.0,
        description="in the loss, of tokens that answer a listed fact of a figure, or tell a number of a described text; "
        "all others count 1",
        gt=0,
    )
    figure_jitter: float = _answer(
        0.0, "figures are moved, scaled, brightened and darkened at random by up to this share", ge=0, le=0.5
    )
    figure_dropout: float = _answer(0.0, description="share of examples shown without their figures", ge=0, le=1)
    zero: Literal[0, 1, 2, 3] = Field(0, description="DeepSpeed ZeRO stage")
    offload: bool = Field(False, description="keep optimizer state in CPU memory (ZeRO 1 to 3)")
    workers: int | tuple[int, int] = Field(1, description="training workers; [min, max] is elastic")
    worker_cpus: float = Field(1, description="CPUs of one training worker", gt=0)
    restarts: int = Field(
        3, description="workers lost with no checkpoint in between, after which the run gives up", ge=0
    )
    activation_checkpointing: bool = Field(
        False, description="recompute decoder layers and the blocks between them instead of keeping them"
    )
    compile: bool = Field(False, description="torch.compile the backbone's layers")
    checkpoint_steps: int = Field(200, description="steps between two checkpoints", ge=1)
    checkpoint_minutes: float = Field(15.0, description="minutes after which one is written anyway", gt=0)
    keep: int = Field(3, description="checkpoints kept", ge=1)
    export_dtype: Literal["float32", "bfloat16"] = _answer("float32", "of the exported weights; bfloat16 halves them")
    log_steps: int = Field(10, description="steps between two log lines", ge=1)
    bad_steps: int = Field(10, description="skipped steps in a row (NaN or infinite) that stop the run", ge=1)

    @field_validator("workers")
    @classmethod
    def _check_workers(cls, value: int | tuple[int, int]) -> int | tuple[int, int]:
        low, high = value if isinstance(value, tuple) else (value, value)
        if not 1 <= low <= high:
            raise ValueError("expected a number of at least 1, or [min, max]")
        return value

    @property
    def worker_range(self) -> tuple[int, int]:
        """(least, most) workers."""
        return self.workers if isinstance(self.workers, tuple) else (self.workers, self.workers)


class Resources(_Section):
    """How much of the machine or cluster is used. Never changes an answer."""

    # Not 1: with the 0.1 of a light actor and the 0.05 of a commit, two tasks then fit on two cores.
    parse_cpus: float = Field(0.9, description="CPUs asked for by one parsing task", gt=0)
    parse_tasks: int | None = Field(None, description="most parsing tasks at once; empty: as many as fit", ge=1)
    generate_actors: int | None = Field(
        None,
        description="generating actors; empty: one per GPU, or without GPUs one per node with CPUs that is up at the start",
        ge=1,
    )
    generate_cpus: float | None = Field(
        None, description="CPUs asked for by one generating actor; empty: 0.5 for a model, 0.1 for lead", gt=0
    )
    generate_gpus: float | None = Field(
        None, description="GPUs per generating actor; empty: 1 where there are any", ge=0
    )
    generate_threads: int | None = Field(
        None, description="torch threads of a CPU actor; empty: all of the machine's cores", ge=1
    )
    shards_in_flight: int = Field(
        3, description="shards given to one actor ahead of time, so that it never waits", ge=1
    )
    object_store_mb: int | None = Field(None, description="object store of a Ray started here, in MiB", ge=80)
    # A run's share of a cluster that others use too.
    max_cpus: float | None = Field(None, description="most CPUs taken at once; empty: the cluster's", gt=0)
    max_gpus: float | None = Field(
        None,
        description="most GPUs taken at once, those that an autoscaler is to add included; empty: the cluster's",
        ge=0,
    )
    max_object_store_mb: int | None = Field(
        None, description="most object store filled at once, in MiB; empty: Ray Data's share of the cluster's", ge=80
    )


class Robustness(_Section):
    """When trouble is waited out, when it becomes a document's row, and when it ends the run. Never changes an answer."""

    fetch_seconds: float = Field(
        60.0,
        description="time over which fetching one object is tried again, with backoff; then it is fetch_failed",
        ge=0,
    )
    write_seconds: float = Field(300.0, description="the same for writing to OUT; then the run ends with exit 1", ge=0)
    trouble_share: float = Field(
        0.2, description="above this share of fetch_failed, forbidden and crashed documents the run ends", gt=0, le=1
    )
    trouble_window: int = Field(200, description="documents, the last ones, over which that share is taken", ge=10)
    generate_seconds: float = Field(
        1800.0,
        description="generation time of one document, after which its actor is replaced; twice, alone: it is timed_out",
        gt=0,
    )
    stall_minutes: float = Field(120.0, description="a run in which nothing is finished for so long ends, exit 1", gt=0)
    grace_seconds: float = Field(90.0, description="after SIGTERM, time in which shards under way are finished", ge=0)


class Prices(_Section):
    """What machines cost, for `mmsum status`. Never changes an answer."""

    node_hour: float | None = Field(None, description="price of one node for one hour, in any currency", ge=0)


class Config(_Section):
    """One run. `mmsum summarize --config FILE --set key=value`."""

    preset: str | None = Field(None, description="name of a preset, or a path to one; applied before this file")
    summarizer: Literal["fused", "lead"] = _answer("fused", "fused: the model; lead: first sentences, no model")
    shard_size: int = Field(32, description="documents in one shard, the unit of commit", ge=1)
    shard_mb: int = Field(256, description="source bytes in one shard, in MiB; larger objects stand alone", ge=1)
    seed: int = _answer(0, "seed of everything random", ge=0, lt=2**63)
    crops: bool = _answer(False, "also write figure crops, to OUT/crops")
    limits: Limits = Limits()
    figures: Figures = Figures()
    generation: Generation = Generation()
    model: Model = Model()
    training: Training = Training()
    resources: Resources = Resources()
    robustness: Robustness = Robustness()
    prices: Prices = Prices()

    def answers(self) -> dict[str, Any]:
        """Flat ``{"limits.pages": 2000, ...}`` of the keys that change a summary. For `lead`, the model is none of them."""
        others = ("training.", "model.") if self.summarizer == "lead" else ("training.",)
        return {k: v for k, v in _flatten(self) if not k.startswith(others)}

    def training_answers(self) -> dict[str, Any]:
        """The same for what a training run learns. Of what it trains on, the encoded examples' name tells."""
        flat = dict(_flatten(self))
        del flat["model.dtype"]
        return {k: v for k, v in flat.items() if k.startswith(("training.", "model.")) or k == "seed"}

    def fingerprint(self) -> str:
        """16 hex digits over answers(): two runs with the same one would write the same answers."""
        text = json.dumps(self.answers(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def fields_of(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo, type[BaseModel] | None]]:
    """(name, field, section or None) of every key of a section."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        nested = kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None
        yield name, field, nested


def _flatten(config: BaseModel, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, field, nested in fields_of(type(config)):
        value = getattr(config, name)
        if nested:
            yield from _flatten(value, f"{prefix}{name}.")
        elif isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("answer"):
            yield prefix + name, value
