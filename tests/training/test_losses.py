"""Losses against sums by hand."""

from __future__ import annotations

import pytest

from mmsum.model.torchstack import torch
from mmsum.training.losses import contrastive_loss, fact_loss


def test_contrastive_loss_by_hand() -> None:
    images = torch.eye(3)
    texts = torch.eye(3)[[0, 2, 1]]  # two captions swapped
    loss = contrastive_loss(images, texts, torch.tensor(2.0), torch.arange(1, 4))
    right, wrong = 2 - torch.tensor([2.0, 0, 0]).logsumexp(0), 0 - torch.tensor([2.0, 0, 0]).logsumexp(0)
    assert loss.item() == pytest.approx(-(right + 2 * wrong).item() / 3)


def test_of_equal_captions_each_is_right() -> None:
    images, factor = torch.eye(3)[[0, 1, 1]], torch.tensor(50.0)
    texts = torch.eye(3)[[0, 1, 1]]  # the second and the third pair say the same
    alike = contrastive_loss(images, texts, factor, torch.tensor([1, 2, 2]))
    assert alike.item() == pytest.approx(2 / 3 * torch.tensor(2.0).log().item(), abs=1e-4)  # two answers, half each
    assert contrastive_loss(images, texts[[0, 0, 0]], factor, torch.tensor([1, 2, 2])) > alike


def test_pairs_whose_facts_are_listed_are_not_contrasted_with_others() -> None:
    images, factor = torch.eye(3), torch.tensor(2.0)
    some = contrastive_loss(images, images[[2, 1, 0]], factor, torch.tensor([0, 5, 7]))
    assert some == contrastive_loss(images[1:], images[[1, 0]], factor, torch.tensor([5, 7]))
    assert contrastive_loss(images, images, factor, torch.zeros(3)) == 0


def test_fact_loss_by_hand() -> None:
    images, texts = torch.eye(2), torch.eye(4)[:, :2]  # the texts 2 and 3 are like nothing
    facts = [(0, [0, 1]), (1, [0, 1, 2])]  # what the second shows is told for the first
    loss = fact_loss(images, texts, torch.tensor(2.0), facts)
    expected = torch.tensor([2.0, 0]).logsumexp(0) - 2 + torch.tensor([0, 2.0, 0]).logsumexp(0)
    assert loss.item() == pytest.approx(expected.item())
    assert fact_loss(images, texts, torch.tensor(2.0), []) == 0
