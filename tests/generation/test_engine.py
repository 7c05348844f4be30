"""The engine writes what `generate` writes, token for token, whatever shares its batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mmsum.config import Model, load_config
from mmsum.generation.engine import Completion, Engine, Request, fits_packing
from mmsum.model.fused import FusedModel, load_fused
from mmsum.model.places import PLACE
from mmsum.model.torchstack import torch, transformers
from tests.model.test_fused import open_gates
from tests.tiny import png, tiny_model

LENGTHS = (3, 40, 17, 9, 61, 1, 25, 33, 12, 50, 5)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return tiny_model(Path(tmp_path_factory.mktemp("tiny")))


@pytest.fixture(scope="module")
def model(tiny: Model) -> FusedModel:
    return load_fused(tiny)


@pytest.fixture(scope="module")
def opened(tiny: Model) -> FusedModel:
    return open_gates(load_fused(tiny))


def prompt(length: int, salt: int = 0) -> list[int]:
    return [(37 * length + 11 * place + 5 * salt * place) % 250 for place in range(length)]


def engine(model: FusedModel, batch_size: int = 4, **options: Any) -> Engine:
    return Engine(model, batch_size=batch_size, **options)


def figures(model: FusedModel, count: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, model.vision.patches, model.vision.width, generator=generator)


def reference(backbone: Any, ids: list[int], new: int, stops: frozenset[int]) -> tuple[list[int], bool]:
    """transformers' own greedy decoding of one prompt: tokens without the stop token, and whether it stopped."""
    output = backbone.generate(
        torch.tensor([ids]),
        attention_mask=torch.ones(1, len(ids), dtype=torch.long),
        max_new_tokens=new,
        do_sample=False,
        eos_token_id=sorted(stops),
        pad_token_id=0,
    )[0, len(ids) :].tolist()
    return (output[:-1], True) if output[-1] in stops else (output, False)


def test_equals_generate_token_for_token(model: FusedModel, tiny: Model) -> None:
    """More requests than slots, prompts of very different lengths, different budgets, some texts that stop early."""
    stock = transformers.AutoModelForCausalLM.from_pretrained(tiny.backbone)
    decoder = engine(model)
    assert decoder.packed
    requests = [Request(prompt(n), None, 6 + 3 * (i % 5)) for i, n in enumerate(LENGTHS)]
    wanted = [reference(stock, r.prompt, r.max_new_tokens, decoder.stop_tokens) for r in requests]
    # Make some of the texts stop: the most frequent token of the reference becomes one that ends a text.
    written = [token for tokens, _ in wanted for token in tokens]
    decoder.stop_tokens |= {max(set(written), key=written.count)}
    wanted = [reference(stock, r.prompt, r.max_new_tokens, decoder.stop_tokens) for r in requests]
    got = decoder.generate(requests)
    assert [(c.tokens, c.finished) for c in got] == wanted
    assert [c.prompt_tokens for c in got] == list(LENGTHS)
    assert {c.finished for c in got} == {True, False}, "the test needs both kinds"


@pytest.mark.parametrize("prefill_tokens", [4, 7, 16, 64, 10_000])
def test_prefill_chunks_do_not_change_the_text(model: FusedModel, prefill_tokens: int) -> None:
    requests = [Request(prompt(n), None, 5) for n in LENGTHS]
    decoder = engine(model)
    wanted = texts(decoder.generate(requests))
    decoder.prefill_tokens = prefill_tokens
    assert texts(decoder.generate(requests)) == wanted


@pytest.mark.parametrize("batch_size", [1, 2, 5, 32])
def test_batch_size_and_order_do_not_change_the_text(opened: FusedModel, batch_size: int) -> None:
    requests = [Request(prompt(n), figures(opened, 1 + n % 3, n) if n % 2 else None, 4 + n % 9) for n in LENGTHS]
    wanted = texts(engine(opened, 3).generate(requests))
    assert texts(engine(opened, batch_size).generate(requests)) == wanted
    assert texts(engine(opened, batch_size).generate(requests[::-1])) == wanted[::-1]


def test_gate_zero_with_figures_is_plain_generate(model: FusedModel) -> None:
    plain = [Request(prompt(n), None, 10) for n in LENGTHS]
    shown = [Request(prompt(n), figures(model, 2, n), 10) for n in LENGTHS]
    assert texts(engine(model).generate(shown)) == texts(engine(model).generate(plain))


def test_text_depends_on_its_own_figures_only(opened: FusedModel) -> None:
    """Two requests with one prompt: swapping their figures swaps their texts, and a third never moves."""
    one, two = figures(opened, 2, 1), figures(opened, 1, 2)

    def write(a: torch.Tensor | None, b: torch.Tensor | None) -> list[list[int]]:
        requests = [Request(prompt(20), a, 12), Request(prompt(20), b, 12), Request(prompt(15), None, 12)]
        return texts(engine(opened).generate(requests))

    straight, swapped, neither = write(one, two), write(two, one), write(None, None)
    assert straight[0] == swapped[1] and straight[1] == swapped[0]
    assert len({tuple(text) for text in (straight[0], straight[1], neither[0])}) == 3
    assert straight[2] == swapped[2] == neither[2]
    assert texts(engine(opened, use_fusion=False).generate([Request(prompt(20), one, 12)])) == neither[:1]


def test_decoding_with_figures_equals_full_forward_passes(opened: FusedModel) -> None:
    """Cached vision keys and text keys give what recomputing everything for each token gives."""
    shown, ids = figures(opened, 3, 7), prompt(19)
    state = opened.vision_state(shown[None], [3])
    with torch.inference_mode():
        tokens: list[int] = []
        while len(tokens) < 8:
            tokens.append(int(opened(torch.tensor([ids + tokens]), vision=state)[0, -1].argmax()))
    requests = [Request(prompt(30), None, 8), Request(ids, shown, 8), Request(prompt(4), figures(opened, 1, 1), 3)]
    decoder = engine(opened)
    decoder.stop_tokens = frozenset()
    assert decoder.generate(requests)[1].tokens == tokens


def test_keys_and_values_of_figures_are_made_once(opened: FusedModel) -> None:
    made: list[int] = []
    hook = opened.fusion.register_forward_hook(lambda *_: made.append(1))
    try:
        requests = [Request(prompt(30), None, 12), Request(prompt(9), figures(opened, 3, 7), 12)]
        decoder = engine(opened)
        decoder.stop_tokens = frozenset()
        assert [len(done.tokens) for done in decoder.generate(requests)] == [12, 12]
    finally:
        hook.remove()
    assert len(made) == 1


def test_the_penalty_counts_written_tokens_only(model: FusedModel) -> None:
    penalty, ids = 1.5, prompt(21)
    with torch.inference_mode():
        tokens: list[int] = []
        while len(tokens) < 12:
            scores = model(torch.tensor([ids + tokens]))[0, -1]
            for token in set(tokens):
                scores[token] = scores[token] / penalty if scores[token] > 0 else scores[token] * penalty
            tokens.append(int(scores.argmax()))
    decoder = engine(model)
    decoder.stop_tokens = frozenset()
    mixed = [Request(prompt(40), None, 3), Request(ids, None, 12, penalty), Request(ids, None, 12)]
    _, penalized, plain = decoder.generate(mixed)
    assert penalized.tokens == tokens
    assert plain.tokens == decoder.generate([Request(ids, None, 12)])[0].tokens
    assert plain.tokens != tokens, "the test needs a penalty that matters"


def test_the_same_list_gives_the_same_texts(opened: FusedModel) -> None:
    requests = [Request(prompt(n), figures(opened, 1, n), 9) for n in LENGTHS]
    assert texts(engine(opened).generate(requests)) == texts(engine(opened).generate(requests))


def test_edges(model: FusedModel) -> None:
    decoder = engine(model)
    assert decoder.generate([]) == []
    nothing, something = decoder.generate([Request([1, 2], None, 0), Request([1, 2], None, 2)])
    assert nothing == Completion([], "", 2, False)
    assert len(something.tokens) == 2 or something.finished
    with pytest.raises(ValueError, match="request 1 has an empty prompt"):
        decoder.generate([Request([1], None, 1), Request([], None, 1)])
    with pytest.raises(ValueError, match="4090 prompt and 10 new tokens exceed the backbone's context of 4096"):
        decoder.generate([Request([1] * 4090, None, 10)])


def test_a_text_does_not_end_before_its_least_length(opened: FusedModel) -> None:
    decoder = engine(opened)
    ids = prompt(20)
    free = decoder.generate([Request(ids, None, 6)])[0].tokens
    decoder.stop_tokens = frozenset({free[0]})
    ends, goes_on = decoder.generate([Request(ids, None, 6), Request(ids, None, 6, min_new_tokens=1)])
    assert ends.tokens == [] and ends.finished
    assert goes_on.tokens and goes_on.tokens[0] != free[0]


def test_a_text_stays_empty_only_where_that_is_likely_enough(opened: FusedModel) -> None:
    decoder = engine(opened)
    ids = prompt(20)
    logits = opened(torch.tensor([ids]))[0, -1].float()
    ends = frozenset({int(logits.argmax()), int(logits.argsort()[-3])})
    decoder.stop_tokens = ends
    likely = float(logits.softmax(-1)[sorted(ends)].sum())  # all ends together
    below, above = likely * 0.99, min(1.0, likely * 1.01)
    requests = [Request(ids, None, 6, empty_above=share) for share in (0.0, below, above)]
    free, sure, unsure = decoder.generate([*requests])
    assert free.tokens == sure.tokens == [] and free.finished
    assert unsure.tokens and unsure.tokens[0] == int(logits.argsort()[-2])
    alone = decoder.generate([requests[2]])[0]
    assert alone.tokens == unsure.tokens  # whatever shares its batch


@pytest.mark.parametrize("packed", [True, False])
def test_what_must_follow_is_copied(opened: FusedModel, packed: bool) -> None:
    """Behind the tokens that call for it, each time, and what comes next has read the copy."""
    decoder = engine(opened)
    decoder.packed = packed
    ids = prompt(20)
    free = decoder.generate([Request(ids, None, 12)])[0].tokens
    copies = [(free[:2], [7, 8, 9]), ([250, 251], [1])]
    other = Request(prompt(9), None, 12)
    copied, beside = decoder.generate([Request(ids, None, 12, copies=copies), other])
    assert copied.tokens[:5] == [*free[:2], 7, 8, 9] and len(copied.tokens) == 12
    rest = decoder.generate([Request([*ids, *copied.tokens[:5]], None, 7, copies=copies)])[0]
    assert copied.tokens[5:] == rest.tokens
    assert [beside] == decoder.generate([other])
    cut = decoder.generate([Request(ids, None, 4, copies=copies)])[0]
    assert cut.tokens == [*free[:2], 7, 8] and not cut.finished


def test_other_attention_takes_the_stock_path_and_agrees(tiny: Model, tmp_path: Path) -> None:
    """A sliding window does not fit packed attention; gates are open, so figures pass through that path too."""
    config = transformers.MistralConfig(
        vocab_size=258, hidden_size=64, intermediate_size=64, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=2, sliding_window=16, initializer_range=0.3, max_position_embeddings=256,
    )  # fmt: skip
    torch.manual_seed(0)
    transformers.MistralForCausalLM(config).save_pretrained(tmp_path)
    transformers.AutoTokenizer.from_pretrained(tiny.backbone).save_pretrained(tmp_path)
    model = load_fused(tiny.model_copy(update={"backbone": str(tmp_path)}))
    decoder = engine(model)
    assert not decoder.packed
    requests = [Request(prompt(n), None, 6 + n % 4) for n in LENGTHS]
    wanted = [reference(model.backbone, r.prompt, r.max_new_tokens, decoder.stop_tokens)[0] for r in requests]
    assert texts(decoder.generate(requests)) == wanted
    open_gates(model)
    shown = [Request(prompt(n), figures(model, 1, n) if n % 2 else None, 8) for n in LENGTHS]
    assert texts(decoder.generate(shown)) == texts(engine(model, 1).generate(shown))
    assert texts(decoder.generate(shown)) != texts(decoder.generate(requests))


def test_the_stock_path_agrees_with_the_packed_one(opened: FusedModel) -> None:
    requests = [Request(prompt(n), figures(opened, 1 + n % 2, n) if n % 3 else None, 7, 1.2) for n in LENGTHS]
    decoder = engine(opened)
    packed = decoder.generate(requests)
    decoder.packed = False
    assert decoder.generate(requests) == packed


def test_packing_is_tried_before_it_is_used(model: FusedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """A packed attention that gives other logits is noticed."""
    import mmsum.model.packing as packing

    right = packing._attend_cached
    monkeypatch.setattr(packing, "_attend_cached", lambda q, k, v, packing, scale: right(q, k, v, packing, scale * 3))
    assert not fits_packing(model)


@pytest.mark.pocket
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_pocket_writes_what_its_backbone_writes(dtype: str) -> None:
    """Closed gates add nothing in any dtype; in bfloat16 two ways to the same logits round them differently."""
    pytest.importorskip("gguf")
    config = load_config(preset="pocket", **{"model.dtype": dtype, "model.export": None})  # type: ignore[arg-type]
    model = load_fused(config.model)
    question = [{"role": "user", "content": "Write one sentence about the sea."}]
    ids = model.tokenizer.apply_chat_template(question, add_generation_prompt=True, return_dict=False)
    shown = model.encode_figures([png("red"), png("blue")])
    decoder = engine(model)
    features = torch.stack([feature for feature in shown if feature is not None])
    both = decoder.generate([Request(ids, None, 16), Request(ids, features, 16)])
    assert both[0].tokens == both[1].tokens
    assert "sea" in both[0].text or "ocean" in both[0].text
    if dtype == "float32":
        assert both[0].tokens == reference(model.backbone, ids, 16, decoder.stop_tokens)[0]


def texts(completions: list[Completion]) -> list[list[int]]:
    return [completion.tokens for completion in completions]


def soft_prompt(length: int, salt: int, figures: int) -> list[int]:
    """A prompt with three places for each figure, spread over it."""
    tokens = prompt(length, salt)
    for number in range(figures):
        at = (number + 1) * length // (figures + 1) + 3 * number
        tokens[at:at] = [PLACE] * 3
    return tokens


@pytest.mark.parametrize("prefill_tokens", [6, 10_000])
def test_soft_tokens_are_read_alike_packed_in_chunks_and_padded(tiny: Model, prefill_tokens: int) -> None:
    model = load_fused(tiny.model_copy(update={"fusion": "prefix", "prefix_tokens": 3, "lora_rank": 2}))
    requests = [
        Request(soft_prompt(n, n, i % 3), figures(model, i % 3, n) if i % 3 else None, 6) for i, n in enumerate(LENGTHS)
    ]
    packed = engine(model)
    packed.prefill_tokens = prefill_tokens
    assert packed.packed
    padded = engine(model, batch_size=3)
    padded.packed = False
    assert texts(packed.generate(requests)) == texts(padded.generate(requests))
    other = [Request(r.prompt, None if r.figures is None else -r.figures, 6) for r in requests]
    changed = [a != b for a, b in zip(texts(packed.generate(requests)), texts(packed.generate(other)), strict=True)]
    assert any(changed) and not any(change for i, change in enumerate(changed) if i % 3 == 0)
    with pytest.raises(ValueError, match="request 0 has 1 figures, and 0 places for them in its prompt"):
        packed.generate([Request(prompt(5), figures(model, 1, 0), 4)])
