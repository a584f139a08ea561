"""What a person or a program sees: the renderer of every format, and what is drawn for terminals."""
