"""Layers: `tf.layers`, and those of `tf.contrib`."""

TABLE = """
model.layers.base -> python.layers.base
  layers python.layers.layers: InputSpec Layer
  -: InputSpec Layer
model.layers.core -> layers python.layers.core python.layers.layers
  -: Dense Dropout Flatten dense dropout flatten
model.layers.convolutional
  layers python.layers.convolutional python.layers.layers: Conv1D Conv2D Conv2DTranspose Conv3D Conv3DTranspose
      SeparableConv1D SeparableConv2D conv1d conv2d conv3d separable_conv1d
      conv2d_transpose=conv2d_transpose_layer conv3d_transpose=conv3d_transpose_layer
      separable_conv2d=separable_conv2d_layer
model.layers.pooling -> layers python.layers.pooling python.layers.layers
  -: AveragePooling1D AveragePooling2D AveragePooling3D MaxPooling1D MaxPooling2D MaxPooling3D
     average_pooling1d average_pooling2d average_pooling3d max_pooling1d max_pooling2d max_pooling3d
model.layers.normalization -> layers python.layers.normalization python.layers.layers
  -: BatchNormalization batch_normalization
  python.layers.normalization: BatchNorm=BatchNormalization batch_norm=batch_normalization
"""
