"""The catalog: YAML in, frozen model out."""
