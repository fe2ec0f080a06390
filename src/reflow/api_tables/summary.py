"""Summaries and event files."""

TABLE = """
"""
