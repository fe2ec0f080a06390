"""Convolutions, layers, losses, metrics."""

TABLE = """
"""
