"""Looking into TensorFlow's files, and taking models out to other tools."""
