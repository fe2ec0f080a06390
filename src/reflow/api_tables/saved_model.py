"""SavedModels and what runs them."""

TABLE = """
saved_model.constants
  saved_model saved_model.constants python.saved_model.constants: ASSETS_DIRECTORY ASSETS_KEY
      LEGACY_INIT_OP_KEY MAIN_OP_KEY SAVED_MODEL_FILENAME_PB SAVED_MODEL_FILENAME_PBTXT
      SAVED_MODEL_SCHEMA_VERSION VARIABLES_DIRECTORY VARIABLES_FILENAME
  python.saved_model.constants: EXTRA_ASSETS_DIRECTORY INIT_OP_SIGNATURE_KEY SAVED_MODEL_FILENAME_JSON
      TRAIN_OP_KEY TRAIN_OP_SIGNATURE_KEY
  saved_model saved_model.tag_constants python.saved_model.tag_constants: GPU SERVING TPU TRAINING
  python.saved_model.tag_constants: EVAL
  saved_model saved_model.signature_constants python.saved_model.signature_constants: CLASSIFY_INPUTS
      CLASSIFY_METHOD_NAME CLASSIFY_OUTPUT_CLASSES CLASSIFY_OUTPUT_SCORES DEFAULT_SERVING_SIGNATURE_DEF_KEY
      PREDICT_INPUTS PREDICT_METHOD_NAME PREDICT_OUTPUTS REGRESS_INPUTS REGRESS_METHOD_NAME REGRESS_OUTPUTS
  python.saved_model.signature_constants: DEFAULT_EVAL_SIGNATURE_DEF_KEY DEFAULT_TRAIN_SIGNATURE_DEF_KEY
      SUPERVISED_EVAL_METHOD_NAME SUPERVISED_TRAIN_METHOD_NAME
saved_model.tensor_info -> python.saved_model.utils_impl
  saved_model saved_model.utils python.saved_model.utils: build_tensor_info get_tensor_from_tensor_info
  python.saved_model.utils: build_tensor_info_from_op
  -: get_assets_dir get_element_from_tensor_info get_or_create_assets_dir get_or_create_variables_dir
      get_variables_dir get_variables_path
saved_model.signatures -> python.saved_model.signature_def_utils python.saved_model.signature_def_utils_impl
  saved_model saved_model.signature_def_utils: build_signature_def classification_signature_def
      is_valid_signature predict_signature_def regression_signature_def
  -: load_op_from_signature_def op_signature_def supervised_eval_signature_def supervised_train_signature_def
saved_model.builder -> python.saved_model.builder_impl
  saved_model: Builder=SavedModelBuilder simple_save
  saved_model.builder python.saved_model.builder: SavedModelBuilder
  python.saved_model.simple_save python.saved_model.saved_model: simple_save
saved_model.loader -> python.saved_model.loader_impl
  saved_model saved_model.loader python.saved_model.loader: load maybe_saved_model_directory
  saved_model: contains_saved_model=maybe_saved_model_directory
  -: SavedModelLoader get_init_op get_train_op parse_saved_model
  contrib.saved_model.python.saved_model.reader: get_saved_model_tag_sets read_saved_model
saved_model.assets
  python.saved_model.loader_impl: get_asset_tensors
saved_model.main_op -> python.saved_model.main_op_impl
  saved_model.main_op python.saved_model.main_op: main_op main_op_with_restore
  saved_model: main_op_with_restore
contrib.prediction
  contrib.predictor contrib.predictor.predictor_factories: from_saved_model
  contrib.predictor.saved_model_predictor: SavedModelPredictor get_meta_graph_def
  contrib.predictor.predictor: Predictor
exchange.jax_function
  export: to_jax
base.protos
  core.protobuf.saved_model_pb2: SavedModel
  core.protobuf.meta_graph_pb2: AssetFileDef SignatureDef TensorInfo
"""
