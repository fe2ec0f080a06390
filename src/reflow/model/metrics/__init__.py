"""Metrics over a stream of batches: variables that add up, a value to read and an operation to update.

Each metric makes local variables (in the collections `LOCAL_VARIABLES` and `METRIC_VARIABLES`) and returns a
pair: a tensor with the metric of all batches seen so far, and one that takes in the batch of this run and
gives the metric with it.
"""
