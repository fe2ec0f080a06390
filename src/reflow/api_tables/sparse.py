"""Sparse tensors, embeddings and sampled losses."""

TABLE = """
"""
