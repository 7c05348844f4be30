"""Configuration: one frozen, checked object (`sections`), and how it is read (`load`)."""

from mmsum.config.load import load_config, preset_names
from mmsum.config.sections import Config, Figures, Generation, Limits, Model, Prices, Resources, Robustness, Training

__all__ = [
    "Config",
    "Figures",
    "Generation",
    "Limits",
    "Model",
    "Prices",
    "Resources",
    "Robustness",
    "Training",
    "load_config",
    "preset_names",
]
