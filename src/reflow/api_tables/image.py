"""Images."""

TABLE = """
"""
