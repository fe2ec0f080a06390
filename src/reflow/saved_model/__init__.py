"""SavedModels: a graph with its variables, files and signatures, in a folder."""
