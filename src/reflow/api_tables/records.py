"""Record files and parsing."""

TABLE = """
platform.tf_record -> python_io io python.lib.io.tf_record
  -: TFRecordCompressionType TFRecordOptions TFRecordWriter tf_record_iterator
base.protos
  train core.example.example_pb2: Example SequenceExample
  train core.example.feature_pb2: BytesList Feature FeatureList FeatureLists Features FloatList Int64List
  train core.protobuf.tensorflow_server_pb2: ServerDef
ops.parsing_features
  . io python.ops.parsing_ops: FixedLenFeature FixedLenSequenceFeature SparseFeature VarLenFeature
ops.parsing
  . io python.ops.parsing_ops: parse_example parse_single_example
ops.parsing_sequences
  . io python.ops.parsing_ops: parse_single_sequence_example
  io python.ops.parsing_ops: parse_sequence_example
ops.decoding
  . io python.ops.parsing_ops: decode_compressed decode_csv decode_json_example parse_tensor serialize_tensor
ops.files
  . io python.ops.io_ops: matching_files read_file write_file
train.coordinator
  train python.training.coordinator: Coordinator LooperThread
ops.queues
  . queue python.ops.data_flow_ops: FIFOQueue
  . io queue python.ops.data_flow_ops: PaddingFIFOQueue PriorityQueue QueueBase RandomShuffleQueue
ops.readers
  . python.ops.io_ops: FixedLengthRecordReader IdentityReader ReaderBase TFRecordReader TextLineReader
      WholeFileReader
train.queue_runner
  train train.queue_runner python.training.queue_runner python.training.queue_runner_impl: QueueRunner
      add_queue_runner start_queue_runners
train.input
  io train python.training.input: match_filenames_once
  train python.training.input: batch batch_join input_producer limit_epochs maybe_batch maybe_batch_join
      maybe_shuffle_batch maybe_shuffle_batch_join range_input_producer shuffle_batch shuffle_batch_join
      slice_input_producer string_input_producer
"""
