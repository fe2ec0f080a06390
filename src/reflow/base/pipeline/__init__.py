"""The pull-based engine of datasets: plain Python and NumPy, without graphs or sessions."""
