"""Checkpoints, graphs in and out, SavedModels."""

TABLE = """
"""
