"""Losses and sets: what training programs are made of."""

TABLE = """
model.losses -> losses python.ops.losses.losses_impl python.ops.losses.losses
  -: Reduction absolute_difference compute_weighted_loss cosine_distance hinge_loss huber_loss log_loss
     mean_pairwise_squared_error mean_squared_error sigmoid_cross_entropy softmax_cross_entropy
     sparse_softmax_cross_entropy
  losses python.ops.losses.util python.ops.losses.losses: add_loss get_losses get_regularization_loss
     get_regularization_losses get_total_loss
contrib.older_losses -> contrib.losses contrib.slim.losses contrib.losses.python.losses.loss_ops
  -: absolute_difference add_loss compute_weighted_loss cosine_distance get_losses
     get_regularization_losses get_total_loss hinge_loss log_loss mean_pairwise_squared_error
     mean_squared_error sigmoid_cross_entropy softmax_cross_entropy sparse_softmax_cross_entropy
ops.set_operations -> sets python.ops.sets python.ops.sets_impl
  -: set_difference set_intersection set_size set_union
  sets: difference=set_difference intersection=set_intersection size=set_size union=set_union
ops.weights -> python.ops.weights_broadcast_ops
  -: assert_broadcastable broadcast_weights
"""
