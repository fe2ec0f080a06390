"""The ground floor: element types, shapes, errors and protocol messages.

Nothing here knows of graphs or sessions, and nothing here imports another part of the package.
"""
