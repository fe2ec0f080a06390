"""Datasets and iterators."""

TABLE = """
data.dataset -> python.data.ops.dataset_ops
  data contrib.data: Dataset
  data: DatasetSpec
  data.experimental: AUTOTUNE DatasetStructure=DatasetSpec
  contrib.data: AUTOTUNE
  python.data.ops.dataset_ops: DatasetV1=Dataset DatasetV2=Dataset DatasetV1Adapter=Dataset
data.functions -> python.data.ops.dataset_ops
  data: make_one_shot_iterator make_initializable_iterator
      get_output_types=get_legacy_output_types get_output_shapes=get_legacy_output_shapes
      get_output_classes=get_legacy_output_classes
  data.experimental: get_structure
data.options
  data python.data.ops.dataset_ops: Options
  data.experimental: DistributeOptions MapVectorizationOptions OptimizationOptions StatsOptions
      ThreadingOptions
data.iterators -> python.data.ops.iterator_ops
  data contrib.data: Iterator
data.readers -> python.data.ops.readers
  data contrib.data: FixedLengthRecordDataset TFRecordDataset TextLineDataset
data.csv -> python.data.experimental.ops.readers
  data.experimental contrib.data: CsvDataset make_csv_dataset
data.example_files
  data.experimental contrib.data: make_batched_features_dataset parse_example_dataset
  contrib.data: read_batch_features
data.checkpoints
  data.experimental contrib.data: CheckpointInputPipelineHook make_saveable_from_iterator
data.more
  data.experimental contrib.data: SqlDataset TFRecordWriter
  data.experimental: SparseTensorStructure TensorStructure bytes_produced_stats latency_stats
  contrib.data: sliding_window_batch
data.resampling
  data.experimental contrib.data: rejection_resample
data.experimental
  data.experimental contrib.data: Counter RandomDataset choose_from_datasets
      copy_to_device dense_to_sparse_batch enumerate_dataset get_single_element ignore_errors
      map_and_batch parallel_interleave
      prefetch_to_device sample_from_datasets scan shuffle_and_repeat unbatch unique
  data.experimental: INFINITE_CARDINALITY UNKNOWN_CARDINALITY cardinality from_variant
      map_and_batch_with_legacy_function take_while to_variant
  contrib.data: assert_element_shape batch_and_drop_remainder padded_batch_and_drop_remainder
      reduce_dataset sloppy_interleave
  python.data.experimental.ops.batching: map_and_batch unbatch dense_to_sparse_batch
  python.data.experimental.ops.interleave_ops: parallel_interleave sample_from_datasets
      choose_from_datasets
  python.data.experimental.ops.shuffle_ops: shuffle_and_repeat
data.grouping -> python.data.experimental.ops.grouping
  data.experimental contrib.data: Reducer bucket_by_sequence_length group_by_reducer group_by_window
data.optional
  data.experimental contrib.data: Optional get_next_as_optional
  data.experimental: OptionalStructure=OptionalSpec
  .: OptionalSpec
data.nest -> python.data.util.nest
  -: assert_same_structure flatten flatten_up_to is_sequence map_structure map_structure_up_to
      pack_sequence_as
graph.specs
  .: TypeSpec TensorSpec SparseTensorSpec
  python.framework.tensor_spec: TensorSpec
  data.experimental: Structure=TypeSpec
"""
