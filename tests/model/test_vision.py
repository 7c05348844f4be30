"""Images in, figure tokens out; weights mapped by order with every shape checked."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save_file

from mmsum.config import Model
from mmsum.errors import ConfigError, PresetError
from mmsum.model.torchstack import torch
from mmsum.model.vision import VisionTower, load_vision, map_by_order
from tests.tiny import png


@pytest.fixture(scope="module")
def tower(tiny: Model) -> VisionTower:
    return load_vision(tiny, 0)[0]


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)  # type: ignore
    return buffer.getvalue()


def rgb(tower: VisionTower, image: bytes) -> np.ndarray:
    """What the tower sees, as [S, S, 3] in 0..255."""
    pixels = tower.pixels(image)
    assert pixels is not None
    seen = pixels.permute(1, 2, 0).numpy() * np.array(tower.std) + np.array(tower.mean)
    return np.rint(seen * 255)


def test_the_aspect_is_kept_on_white(tower: VisionTower) -> None:
    seen = rgb(tower, png("red", (200, 100)))
    assert (seen[48] == [255, 0, 0]).all()
    assert (seen[:20] == 255).all() and (seen[-20:] == 255).all()
    assert seen.shape == (96, 96, 3)


@pytest.mark.parametrize("size", [(3000, 1), (1, 3000), (1, 1)])
def test_extreme_aspects_survive(tower: VisionTower, size: tuple[int, int]) -> None:
    assert rgb(tower, png("black", size)).min() < 128


def test_transparency_shows_white(tower: VisionTower) -> None:
    assert (rgb(tower, encode(Image.new("RGBA", (50, 50), (0, 0, 0, 0)))) == 255).all()
    palette = Image.new("P", (50, 50), 0)
    palette.putpalette([0, 0, 0, 255, 0, 0])
    assert (rgb(tower, encode(palette, transparency=0)) == 255).all()


def test_sixteen_bit_grey_is_scaled_not_clipped(tower: VisionTower) -> None:
    grey = Image.fromarray(np.full((40, 40), 0x8000, dtype=np.uint16))
    assert abs(rgb(tower, encode(grey)) - 128).max() <= 1


@pytest.mark.parametrize("image", [b"", b"junk", png("red")[:60], b"GIF89a"])
def test_undecodable_images_are_none(tower: VisionTower, image: bytes) -> None:
    assert tower.pixels(image) is None


@pytest.mark.parametrize(("name", "patches"), [("timm:test_efficientnet", 10), ("timm:test_vit", 37)])
def test_convolutional_and_transformer_trunks(tiny: Model, name: str, patches: int) -> None:
    tower, _ = load_vision(tiny.model_copy(update={"vision": name}), 0)
    tokens = tower(torch.rand(2, 3, 96, 96))
    assert tokens.shape == (2, patches, tower.width) == (2, tower.patches, tower.width)


@pytest.mark.parametrize(
    ("name", "side", "patches", "width"),
    [
        ("ViT-S-32-alt", 64, 5, 384),
        ("coca_ViT-B-32", 64, 5, 768),  # its last norm is not as wide as its patch tokens
        ("RN50", 64, 5, 2048),  # a ResNet of CLIP's own
        ("timm:swin_tiny_patch4_window7_224", 224, 50, 768),  # channels last
        ("timm:convnext_atto", 64, 5, 320),
        ("timm:mobilenetv4_conv_small", 64, 5, 960),  # its head widens what is pooled
    ],
)
def test_open_clip_and_timm_models_give_their_figure_tokens(
    tiny: Model, name: str, side: int, patches: int, width: int
) -> None:
    tower, _ = load_vision(tiny.model_copy(update={"vision": name, "image_size": side}), 0)
    assert (tower.patches, tower.width) == (patches, width)
    image = torch.zeros(1, 3, side, side)
    image[..., : side // 2, : side // 2] = 1
    whole, places = tower(image).split((1, patches - 1), dim=1)
    assert places.std(1).max() > 1e-5  # places differ
    vector = tower.clip.encode_image(image, normalize=True)  # type: ignore[operator]
    whole = whole[0, 0, : tower.whole_width]
    torch.testing.assert_close(whole / whole.norm(), vector[0], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("name", "side"), [("test_mambaout", 96), ("test_vit", 100)])
def test_a_trunk_that_gives_no_figure_tokens_is_refused_by_name(tiny: Model, name: str, side: int) -> None:
    with pytest.raises(
        ConfigError, match=rf"model\.vision: .* with {name} at model\.image_size: {side} \(.*choose another"
    ):
        load_vision(tiny.model_copy(update={"vision": f"timm:{name}", "image_size": side}), 0)


def test_batchnorm_stays_in_eval_mode(tower: VisionTower) -> None:
    before = {k: v.clone() for k, v in tower.state_dict().items() if "running" in k}
    tower.train()(torch.rand(4, 3, 96, 96))
    tower.eval()
    assert before and all(torch.equal(v, tower.state_dict()[k]) for k, v in before.items())


def test_weights_load_from_a_file_with_other_key_names(tiny: Model, tower: VisionTower, tmp_path: Path) -> None:
    shapes = [(v.shape, v.dtype) for v in tower.clip.visual.trunk.state_dict().values()]  # type: ignore
    source = {f"x{i}": torch.rand(shape).to(dtype) for i, (shape, dtype) in enumerate(shapes)}
    source |= {"fc.weight": torch.zeros(10, 3), "fc.bias": torch.zeros(10)}
    torch.save(source, tmp_path / "w.pth")
    loaded, identity = load_vision(tiny.model_copy(update={"vision_weights": str(tmp_path / "w.pth")}), 0)
    got = list(loaded.clip.visual.trunk.state_dict().values())  # type: ignore
    assert all(torch.equal(a, b) for a, b in zip(got, source.values(), strict=False))
    assert "random" not in identity


@pytest.mark.parametrize("vision", ["timm:test_efficientnet", "ViT-S-32-alt"])
@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
def test_torn_weights_are_named(tiny: Model, tmp_path: Path, vision: str, name: str) -> None:
    whole = {f"x{number}": torch.rand(9) for number in range(4)}
    save_file(whole, tmp_path / name) if name.endswith("safetensors") else torch.save(whole, tmp_path / name)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:200])
    wanted = {"vision": vision, "image_size": 64, "vision_weights": str(tmp_path / name)}
    with pytest.raises(PresetError, match=rf"^model\.vision_weights: {tmp_path}/{name}"):
        load_vision(tiny.model_copy(update=wanted), 0)


def test_mapping_checks_every_shape() -> None:
    target = {"a": torch.zeros(2, 3), "b": torch.zeros(4)}
    mapped = map_by_order({"x": torch.ones(2, 3), "y": torch.ones(4)}, target, "w")
    assert list(mapped) == ["a", "b"] and mapped["b"].sum() == 4
    with pytest.raises(PresetError, match=r"y is \[5\] where the tower's b is \[4\]"):
        map_by_order({"x": torch.ones(2, 3), "y": torch.ones(5)}, target, "w")
    with pytest.raises(PresetError, match="holds 3 tensors where the tower has 2"):
        map_by_order({"x": torch.ones(2, 3), "y": torch.ones(4), "z": torch.ones(1)}, target, "w")
    swapped = map_by_order({"b": torch.ones(4), "a": torch.zeros(2, 3)}, target, "w")  # by name, not by order
    assert swapped["b"].sum() == 4
