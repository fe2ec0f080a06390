"""Pipelines of datasets, recorded under TensorFlow 1.15 and repeated under Reflow."""
