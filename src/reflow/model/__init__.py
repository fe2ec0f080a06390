"""What a model is made of: variables and their scopes, initializers, regularizers, layers."""
