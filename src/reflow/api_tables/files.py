"""Checkpoints, graphs in and out, SavedModels."""

TABLE = """
base.protos
  train python.training.checkpoint_state_pb2: CheckpointState
  core.protobuf.tensor_bundle_pb2: BundleEntryProto BundleHeaderProto
graph.importer -> python.framework.importer
  . graph_util: import_graph_def
model.global_step
  contrib.framework contrib.slim contrib.framework.python.ops.variables: assert_global_step create_global_step
      get_global_step get_or_create_global_step
ops.saving -> python.ops.io_ops python.ops.gen_io_ops
  -: merge_v2_checkpoints restore restore_v2 save_v2 sharded_filename sharded_filespec
contrib.framework_variables -> contrib.framework contrib.slim contrib.framework.python.ops.variables
  -: add_model_variable assert_or_get_global_step assign_from_checkpoint assign_from_checkpoint_fn
      assign_from_values assign_from_values_fn filter_variables get_local_variables get_model_variables
      get_trainable_variables get_unique_variable get_variable_full_name get_variables get_variables_by_name
      get_variables_by_suffix get_variables_to_restore global_variable local_variable
train.checkpoint_init
  train python.training.checkpoint_utils python.training.training: init_from_checkpoint
contrib.checkpoints -> contrib.framework contrib.framework.python.framework.checkpoint_utils
  -: init_from_checkpoint list_variables load_checkpoint load_variable
train.checkpoint_reader -> python.training.checkpoint_utils
  train: checkpoints_iterator list_variables load_checkpoint load_variable
  train python.pywrap_tensorflow python.training.training: NewCheckpointReader
  -: CheckpointReader wait_for_new_checkpoint
train.checkpoint_state -> python.training.checkpoint_management python.training.saver
  train python.training.training: checkpoint_exists generate_checkpoint_state_proto get_checkpoint_mtimes
      get_checkpoint_state latest_checkpoint remove_checkpoint update_checkpoint_state
train.graph_util -> graph_util python.framework.graph_util python.framework.graph_util_impl
  -: convert_variables_to_constants extract_sub_graph must_run_on_cpu remove_training_nodes
      tensor_shape_from_node_def_name
  python.framework.graph_util_impl: _bfs_for_reachable_nodes=_reachable _extract_graph_summary=_summary
      _node_name=node_name
train.graph_io -> python.framework.graph_io
  train io python.training.training: write_graph
train.meta_graph -> python.framework.meta_graph
  -: add_collection_def copy_scoped_meta_graph create_meta_graph_def export_scoped_meta_graph
      import_scoped_meta_graph import_scoped_meta_graph_with_return_elements ops_used_by_graph_def
      read_meta_graph_file strip_graph_default_valued_attrs
train.saveable -> python.training.saving.saveable_object
  python.training.saver: SaveableObject SaveSpec
  -: SaveSpec SaveableObject
train.saver -> python.training.saver
  train python.training.training: Saver export_meta_graph import_meta_graph
  -: saver_from_object_based_checkpoint _get_saver_or_default=get_saver_or_default
train.saver_builder -> python.training.saver
  -: BaseSaverBuilder BulkSaverBuilder
"""
