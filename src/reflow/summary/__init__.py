"""Event files: writing and reading them, timelines, the projector, and runs side by side."""
