"""One fault a module; each exports SCENARIO."""
