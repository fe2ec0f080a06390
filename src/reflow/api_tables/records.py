"""Record files and parsing."""

TABLE = """
"""
