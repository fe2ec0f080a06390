"""Running graphs: plans, the interpreter loop, XLA segments, a session's state."""
