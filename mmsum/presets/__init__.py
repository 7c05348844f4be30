"""Presets: one YAML file each, `mmsum summarize --preset NAME`."""
