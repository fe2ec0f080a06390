"""Sparse tensors, embeddings and sampled losses."""

TABLE = """
ops.candidates -> python.ops.candidate_sampling_ops
  nn random: all_candidate_sampler fixed_unigram_candidate_sampler learned_unigram_candidate_sampler
      log_uniform_candidate_sampler uniform_candidate_sampler
  nn: compute_accidental_hits
ops.candidates -> python.ops.gen_candidate_sampling_ops
  -: thread_unsafe_unigram_candidate_sampler
ops.sampled_losses
  nn python.ops.nn_impl: nce_loss sampled_softmax_loss
  python.ops.nn_impl: _compute_sampled_logits=compute_sampled_logits
ops.embedding_sparse
  nn python.ops.embedding_ops: embedding_lookup_sparse safe_embedding_lookup_sparse
contrib.embedding -> contrib.layers
  -: safe_embedding_lookup_sparse
ops.sparse -> python.ops.sparse_ops
  .: sparse_tensor_dense_matmul sparse_tensor_to_dense sparse_to_dense
  sparse: eye=sparse_eye from_dense matmul=sparse_tensor_dense_matmul
      sparse_dense_matmul=sparse_tensor_dense_matmul to_dense=sparse_tensor_to_dense
ops.sparse_layout -> python.ops.sparse_ops
  .: sparse_fill_empty_rows sparse_merge sparse_reorder sparse_reset_shape sparse_reshape sparse_retain
      sparse_to_indicator sparse_transpose
  sparse: expand_dims=sparse_expand_dims fill_empty_rows=sparse_fill_empty_rows merge=sparse_merge
      reorder=sparse_reorder reset_shape=sparse_reset_shape reshape=sparse_reshape retain=sparse_retain
      to_indicator=sparse_to_indicator transpose=sparse_transpose
ops.sparse_joining -> python.ops.sparse_ops
  .: sparse_concat sparse_slice sparse_split
  sparse: concat=sparse_concat slice=sparse_slice split=sparse_split
ops.sparse_math -> python.ops.sparse_ops
  .: sparse_add sparse_maximum sparse_minimum sparse_reduce_max sparse_reduce_max_sparse sparse_reduce_sum
      sparse_reduce_sum_sparse sparse_softmax
  sparse: add=sparse_add maximum=sparse_maximum minimum=sparse_minimum reduce_max=sparse_reduce_max
      reduce_max_sparse=sparse_reduce_max_sparse reduce_sum=sparse_reduce_sum
      reduce_sum_sparse=sparse_reduce_sum_sparse softmax=sparse_softmax
ops.sparse_coding -> python.ops.sparse_ops
  sparse: cross=sparse_cross cross_hashed=sparse_cross_hashed
  . io: deserialize_many_sparse serialize_many_sparse serialize_sparse
  -: deserialize_sparse
model.lookup -> python.ops.lookup_ops
  lookup: KeyValueTensorInitializer StaticHashTable TextFileIndex TextFileInitializer
  contrib.lookup: InitializableLookupTableBase InitializableLookupTableBaseV1 KeyValueTensorInitializer
      LookupInterface TableInitializerBase TextFileIdTableInitializer TextFileIndex TextFileInitializer
      TextFileStringTableInitializer
  -: HashTable
  python.ops.lookup_ops: StaticHashTableV1=StaticHashTable
model.vocabulary -> python.ops.lookup_ops
  lookup: StaticVocabularyTable
  contrib.lookup: FastHashSpec HasherSpec IdTableWithHashBuckets StrongHashSpec index_table_from_file
      index_to_string_table_from_file
  -: index_table_from_tensor index_to_string_table_from_tensor
  python.ops.lookup_ops: StaticVocabularyTableV1=StaticVocabularyTable
contrib.lookup
  contrib.lookup: HashTable index_table_from_tensor index_to_string index_to_string_table_from_tensor
      string_to_index string_to_index_table_from_file string_to_index_table_from_tensor
  contrib.lookup: MutableDenseHashTable=DenseHashTable
  contrib.lookup python.ops.lookup_ops: MutableHashTable
  python.ops.lookup_ops lookup.experimental: DenseHashTable
"""
