"""Training: optimizers, learning-rate decays, moving averages."""
