"""Layers: objects that make their variables on the first call and share them between calls."""
