"""Training: CLIP and the adapters learn, the backbone stays as it is."""
