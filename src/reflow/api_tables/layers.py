"""Layers: `tf.layers`, and those of `tf.contrib`."""

TABLE = """
model.layers.base -> python.layers.base
  layers python.layers.layers: InputSpec Layer
  -: InputSpec Layer
model.layers.core -> layers python.layers.core python.layers.layers
  -: Dense Dropout Flatten dense dropout flatten
model.layers.convolutional
  layers python.layers.convolutional python.layers.layers: Conv1D Conv2D Conv2DTranspose Conv3D
  Conv3DTranspose
      SeparableConv1D SeparableConv2D conv1d conv2d conv3d separable_conv1d
      conv2d_transpose=conv2d_transpose_layer conv3d_transpose=conv3d_transpose_layer
      separable_conv2d=separable_conv2d_layer
model.layers.pooling -> layers python.layers.pooling python.layers.layers
  -: AveragePooling1D AveragePooling2D AveragePooling3D MaxPooling1D MaxPooling2D MaxPooling3D
     average_pooling1d average_pooling2d average_pooling3d max_pooling1d max_pooling2d max_pooling3d
model.layers.normalization -> layers python.layers.normalization python.layers.layers
  -: BatchNormalization batch_normalization
  python.layers.normalization: BatchNorm=BatchNormalization batch_norm=batch_normalization
contrib.arg_scopes -> contrib.framework contrib.slim contrib.framework.python.ops
  -: add_arg_scope arg_scope arg_scope_func_key arg_scoped_arguments current_arg_scope has_arg_scope
contrib.model_variables -> contrib.framework contrib.slim contrib.framework.python.ops.variables
  -: model_variable variable
contrib.layers_utils -> contrib.layers.python.layers.utils contrib.slim.utils
  -: NamedOutputs append_tensor_alias channel_dimension collect_named_outputs constant_value
     convert_collection_to_dict gather_tensors_aliases get_tensor_aliases get_variable_collections
     last_dimension n_positive_integers smart_cond static_cond two_element_tuple
contrib.layers_convolution -> contrib.layers contrib.slim contrib.layers.python.layers
  -: avg_pool2d avg_pool3d convolution convolution1d convolution2d convolution2d_in_plane
     convolution2d_transpose convolution3d convolution3d_transpose max_pool2d max_pool3d pool
     separable_convolution2d
  contrib.layers contrib.slim contrib.layers.python.layers: conv1d=convolution1d conv2d=convolution2d
      conv3d=convolution3d conv2d_in_plane=convolution2d_in_plane conv2d_transpose=convolution2d_transpose
      conv3d_transpose=convolution3d_transpose separable_conv2d=separable_convolution2d
contrib.layers_dense -> contrib.layers contrib.slim contrib.layers.python.layers
  -: bias_add dropout elu flatten fully_connected linear maxout one_hot_encoding relu relu6 repeat softmax
     stack unit_norm
  contrib.layers contrib.slim contrib.layers.python.layers.encoders: embed_sequence
  contrib.layers: embedding_lookup_unique
contrib.layers_batch_norm -> contrib.layers contrib.slim contrib.layers.python.layers
  -: batch_norm
contrib.layers_normalization -> contrib.layers contrib.slim contrib.layers.python.layers
  contrib.layers.python.layers.normalization: group_norm instance_norm
  -: group_norm instance_norm layer_norm
contrib.layers_optimizers -> contrib.layers contrib.slim contrib.layers.python.layers.optimizers
  -: OPTIMIZER_CLS_NAMES OPTIMIZER_SUMMARIES adaptive_clipping_fn optimize_loss
contrib.layers_summaries -> contrib.layers contrib.slim contrib.layers.python.layers.summaries
  -: summarize_activation summarize_activations summarize_biases summarize_collection summarize_tensor
     summarize_tensors summarize_variables summarize_weights
contrib.train_ops -> contrib.training.python.training.training
  contrib.training: add_gradients_summaries clip_gradient_norms clip_gradient_norms_fn create_train_op
      multiply_gradients train
  contrib.slim.learning: add_gradients_summaries=slim_add_gradients_summaries clip_gradient_norms
      create_train_op=slim_create_train_op multiply_gradients
contrib.slim_learning
  contrib.slim.learning: train train_step
contrib.model_analyzer -> contrib.slim.model_analyzer
  -: analyze_ops analyze_vars tensor_description
contrib.hparams -> contrib.training.python.training.hparam
  contrib.training: HParams parse_values
"""
