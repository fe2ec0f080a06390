"""What surrounds a program: flags, logging, files, nested structures, test cases. No ops."""
