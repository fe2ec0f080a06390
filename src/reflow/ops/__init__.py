"""The ops, one file per family. Importing a file registers its ops' rules."""
