"""What programs use of tf.contrib."""

TABLE = """
contrib.layers_initializers
  . contrib.layers contrib.layers.python.layers contrib.layers.python.layers.initializers contrib.slim python.ops.init_ops: variance_scaling_initializer
  contrib.layers contrib.layers.python.layers contrib.layers.python.layers.initializers contrib.slim: xavier_initializer
      xavier_initializer_conv2d=xavier_initializer
  initializers: variance_scaling=variance_scaling_initializer
  python.ops.init_ops: VarianceScaling=variance_scaling_initializer
"""
