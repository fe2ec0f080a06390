"""The graph: op signatures and rules, tensors, operations, names and scopes."""
