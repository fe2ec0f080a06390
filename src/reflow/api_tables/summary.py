"""Summaries and event files."""

TABLE = """
ops.summary -> python.summary.summary
  summary: audio get_summary_description histogram image merge merge_all scalar tensor_summary text
  python.ops.summary_op_util: clean_tag collect summary_scope
summary.writer
  summary python.summary.summary python.summary.writer.writer: FileWriter
  summary python.summary.summary python.summary.writer.writer_cache: FileWriterCache
  python.summary.writer.writer: SummaryToEventTransformer
summary.event_file
  python.summary.writer.event_file_writer: EventFileWriter
summary.iterator
  train python.summary.summary_iterator: summary_iterator
summary.projector
  contrib.tensorboard.plugins.projector: visualize_embeddings
base.protos
  contrib.tensorboard.plugins.projector: EmbeddingInfo ProjectorConfig SpriteMetadata
  contrib.tensorboard.plugins.projector.projector_config_pb2: EmbeddingInfo ProjectorConfig SpriteMetadata
summary.profiling
  .: profile
summary.experiment
  .: experiment
summary.timeline
  python.client.timeline: AllocationMaximum StepStatsAnalysis Timeline
summary.plugin_asset -> python.summary.plugin_asset
  -: PluginAsset get_all_plugin_assets get_plugin_asset
"""

# Names of TensorFlow 0.x that 1.x took away: what to use in their place.
RENAMED = """
scalar_summary = summary.scalar
histogram_summary = summary.histogram
image_summary = summary.image
audio_summary = summary.audio
tensor_summary = summary.tensor_summary
merge_summary = summary.merge
merge_all_summaries = summary.merge_all
train.SummaryWriter = summary.FileWriter
train.SummaryWriterCache = summary.FileWriterCache
"""
