"""What was typed: the command tree, the options that commands share, conversion and completion."""
