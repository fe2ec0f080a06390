"""Datasets and iterators."""

TABLE = """
"""
