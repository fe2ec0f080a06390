"""What surrounds a program: flags, logging, files, nested structures, test cases. Nothing here touches an op."""
