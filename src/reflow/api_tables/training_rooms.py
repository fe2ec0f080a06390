"""Losses, metrics, layers: what training programs are made of."""

TABLE = """
model.losses -> losses python.ops.losses.losses_impl python.ops.losses.losses
  -: Reduction absolute_difference compute_weighted_loss cosine_distance hinge_loss huber_loss log_loss
     mean_pairwise_squared_error mean_squared_error sigmoid_cross_entropy softmax_cross_entropy
     sparse_softmax_cross_entropy
  losses python.ops.losses.util python.ops.losses.losses: add_loss get_losses get_regularization_loss
     get_regularization_losses get_total_loss
  contrib.losses contrib.slim.losses: absolute_difference add_loss compute_weighted_loss cosine_distance get_losses
     get_regularization_losses get_total_loss hinge_loss log_loss mean_pairwise_squared_error
     mean_squared_error sigmoid_cross_entropy softmax_cross_entropy sparse_softmax_cross_entropy
ops.set_operations -> sets python.ops.sets python.ops.sets_impl
  -: set_difference set_intersection set_size set_union
  sets: difference=set_difference intersection=set_intersection size=set_size union=set_union
ops.weights -> python.ops.weights_broadcast_ops
  -: assert_broadcastable broadcast_weights
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
"""
