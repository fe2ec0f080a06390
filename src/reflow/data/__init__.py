"""Datasets and iterators (`tf.data`)."""
