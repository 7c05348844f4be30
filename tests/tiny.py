"""A tiny random model on disk, for every test that needs the fused model but not its quality.

config.model = tiny_model(tmp_path)      # backbone folder + timm's test tower, loads in well under a second
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from mmsum.config import Model

if TYPE_CHECKING:
    import torch

    from mmsum.model.fused import FusedModel

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def tiny_model(folder: Path, **changes: object) -> Model:
    """A config.Model whose backbone was written to `folder`; `changes` replace its fields."""
    fields: dict[str, object] = {
        "backbone": str(write_tiny_backbone(folder / "backbone")),
        "vision": "timm:test_efficientnet",
        "image_size": 96,
        "fusion_every": 2,
        "fusion_choice": 4,
        "dtype": "float32",
    }
    return Model.model_validate(fields | changes)


def write_tiny_backbone(
    folder: Path, *, layers: int = 4, width: int = 64, seed: int = 0, positions: int = 4096
) -> Path:
    """Saves a random Llama (grouped key/value heads) with a byte-level tokenizer; returns `folder`."""
    from mmsum.model.torchstack import torch, transformers

    torch.manual_seed(seed)
    tokenizer = _byte_tokenizer()
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=positions,
        initializer_range=0.3,  # wide, so that logits differ clearly and texts vary
        bos_token_id=tokenizer.convert_tokens_to_ids("<|im_start|>"),
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.eos_token_id,
        tie_word_embeddings=False,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _byte_tokenizer():  # type: ignore[no-untyped-def]
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    from mmsum.model.torchstack import transformers

    vocabulary = {symbol: index for index, symbol in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        additional_special_tokens=["<|im_start|>"],
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast


def png(color: str, size: tuple[int, int] = (120, 80)) -> bytes:
    """An encoded one-colour image."""
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, "PNG")
    return buffer.getvalue()


def save_export(
    model: FusedModel,
    config: Model,
    folder: Path,
    tensors: dict[str, torch.Tensor] | None = None,
    training: dict[str, Any] | None = None,
) -> Path:
    """Writes an export of the model to `folder`, as training does at its end; returns it."""
    from mmsum.model.checkpoint import export_files, put_files

    put_files(export_files(model, config, tensors, training), str(folder))
    return folder
