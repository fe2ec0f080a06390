"""Metrics over a stream of batches, and losses of sequences."""

TABLE = """
model.metrics.means -> metrics python.ops.metrics python.ops.metrics_impl
  -: accuracy mean mean_absolute_error mean_cosine_distance mean_relative_error mean_squared_error mean_tensor
     percentage_below root_mean_squared_error
model.metrics.counts -> metrics python.ops.metrics python.ops.metrics_impl
  -: false_negatives false_positives precision recall true_negatives true_positives
model.metrics.thresholds -> metrics python.ops.metrics python.ops.metrics_impl
  -: false_negatives_at_thresholds false_positives_at_thresholds precision_at_thresholds recall_at_thresholds
     sensitivity_at_specificity specificity_at_sensitivity true_negatives_at_thresholds
     true_positives_at_thresholds
model.metrics.area -> metrics python.ops.metrics python.ops.metrics_impl
  -: auc
model.metrics.classes -> metrics python.ops.metrics python.ops.metrics_impl
  -: mean_iou mean_per_class_accuracy
model.metrics.ranking -> metrics python.ops.metrics python.ops.metrics_impl
  -: average_precision_at_k precision_at_k precision_at_top_k recall_at_k recall_at_top_k
     sparse_average_precision_at_k sparse_precision_at_k
model.metrics.common
  python.ops.metrics_impl: metric_variable
contrib.streaming_metrics -> contrib.metrics contrib.slim.metrics contrib.metrics.python.ops.metric_ops
  -: aggregate_metric_map aggregate_metrics cohen_kappa count precision_at_recall recall_at_precision
     sparse_recall_at_top_k streaming_accuracy streaming_auc streaming_curve_points
     streaming_false_negative_rate streaming_false_negative_rate_at_thresholds streaming_false_negatives
     streaming_false_negatives_at_thresholds streaming_false_positive_rate
     streaming_false_positive_rate_at_thresholds streaming_false_positives
     streaming_false_positives_at_thresholds streaming_mean_absolute_error streaming_mean_cosine_distance
     streaming_mean_iou streaming_mean_relative_error streaming_mean_squared_error
     streaming_precision streaming_precision_at_thresholds streaming_recall
     streaming_recall_at_k streaming_recall_at_thresholds streaming_root_mean_squared_error
     streaming_sensitivity_at_specificity streaming_sparse_average_precision_at_k
     streaming_sparse_average_precision_at_top_k streaming_sparse_precision_at_k
     streaming_sparse_precision_at_top_k streaming_sparse_recall_at_k
     streaming_specificity_at_sensitivity streaming_true_negatives streaming_true_negatives_at_thresholds
     streaming_true_positives streaming_true_positives_at_thresholds
     streaming_mean streaming_mean_tensor streaming_percentage_less
  contrib.metrics contrib.slim.metrics contrib.metrics.python.metrics.classification: accuracy f1_score
contrib.correlation -> contrib.metrics contrib.slim.metrics contrib.metrics.python.ops.metric_ops
  -: streaming_covariance streaming_pearson_correlation
contrib.concatenation -> contrib.metrics contrib.slim.metrics contrib.metrics.python.ops.metric_ops
  -: streaming_concat
ops.confusion
  contrib.metrics contrib.slim.metrics: confusion_matrix
ops.set_operations -> contrib.metrics contrib.slim.metrics
  -: set_difference set_intersection set_size set_union
contrib.sequence_losses
  contrib.seq2seq contrib.seq2seq.python.ops.loss: sequence_loss
  contrib.legacy_seq2seq contrib.legacy_seq2seq.python.ops.seq2seq: sequence_loss_by_example
      sequence_loss=legacy_sequence_loss
"""
