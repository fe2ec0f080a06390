"""Flags, logging, files, nested structures, test cases, versions and switches."""

TABLE = """
platform.versions
  .: __version__=VERSION CXX11_ABI_FLAG MONOLITHIC_BUILD
  . version: VERSION GIT_VERSION COMPILER_VERSION GRAPH_DEF_VERSION GRAPH_DEF_VERSION_MIN_CONSUMER
      GRAPH_DEF_VERSION_MIN_PRODUCER
  .: __git_version__=GIT_VERSION __compiler_version__=COMPILER_VERSION
  sysconfig: CXX11_ABI_FLAG MONOLITHIC_BUILD
platform.behavior
  .: disable_control_flow_v2 disable_eager_execution disable_tensor_equality disable_v2_behavior
      disable_v2_tensorshape enable_control_flow_v2 enable_eager_execution enable_tensor_equality
      enable_v2_behavior enable_v2_tensorshape
  . contrib.eager: executing_eagerly
  contrib.eager: enable_eager_execution
platform.compat
  compat python.util.compat: as_bytes as_str as_str_any as_text bytes_or_text_types complex_types
      integral_types path_to_str real_types
  compat: forward_compatible
platform.inspection -> python.util.tf_inspect
  -: ArgSpec FullArgSpec currentframe getargspec getcallargs getdoc getfile getfullargspec getmembers
      getmodule getmro getsource getsourcefile getsourcelines isbuiltin isclass isfunction isgenerator
      ismethod ismodule isroutine stack
platform.inspection
  python.util.function_utils python.estimator.util: fn_args
platform.app
  app: run
platform.flags
  flags: ArgumentParser ArgumentSerializer BaseListParser BooleanFlag BooleanParser CantOpenFlagFileError
      CsvListSerializer DEFINE DEFINE_alias DEFINE_bool DEFINE_boolean DEFINE_enum DEFINE_enum_class
      DEFINE_flag DEFINE_float DEFINE_integer DEFINE_list DEFINE_multi DEFINE_multi_enum
      DEFINE_multi_enum_class
      DEFINE_multi_float DEFINE_multi_integer DEFINE_multi_string DEFINE_spaceseplist DEFINE_string
      DuplicateFlagError EnumClassFlag EnumClassListSerializer EnumClassParser EnumClassSerializer EnumFlag
      EnumParser Error FLAGS Flag FlagHolder FlagNameConflictsWithMethodError FlagValues FloatParser
      IllegalFlagValueError IntegerParser ListParser ListSerializer MultiEnumClassFlag MultiFlag
      UnparsedFlagAccessError UnrecognizedFlagError ValidationError WhitespaceSeparatedListParser
      adopt_module_key_flags declare_key_flag disclaim_key_flags doc_to_help flag_dict_to_args get_help_width
      mark_bool_flags_as_mutual_exclusive mark_flag_as_required mark_flags_as_mutual_exclusive
      mark_flags_as_required multi_flags_validator override_value register_multi_flags_validator
      register_validator set_default text_wrap validator
platform.logging
  logging: DEBUG ERROR FATAL INFO TaskLevelStatusMessage WARN debug error fatal flush get_verbosity info log
      log_every_n log_first_n log_if set_verbosity vlog warn warning
  . logging: get_logger
platform.gfile
  gfile python.platform.gfile: Copy DeleteRecursively Exists FastGFile GFile Glob IsDirectory ListDirectory
      MakeDirs MkDir Open=GFile Remove Rename Stat Walk
  io.gfile: GFile walk
  python.lib.io.file_io: FileIO=GFile copy=Copy create_dir=MkDir delete_file=Remove
      delete_recursively=DeleteRecursively file_exists=Exists get_matching_files=Glob is_directory=IsDirectory
      list_directory=ListDirectory read_file_to_string recursive_create_dir=MakeDirs rename=Rename stat=Stat
      walk=Walk write_string_to_file
platform.gfile_v2 -> io.gfile
  -: copy exists glob isdir listdir makedirs mkdir remove rename rmtree stat
platform.nest
  nest python.util.nest: assert_same_structure flatten is_nested map_structure pack_sequence_as
  python.util.nest: assert_shallow_structure flatten_dict_items flatten_up_to flatten_with_joined_string_paths
      flatten_with_tuple_paths flatten_with_tuple_paths_up_to get_traverse_shallow_structure is_sequence
      map_structure_up_to map_structure_with_paths map_structure_with_tuple_paths
      map_structure_with_tuple_paths_up_to yield_flat_paths
platform.resource_loader
  resource_loader: get_data_files_path get_path_to_datafile load_resource readahead_file_path
platform.test
  test: TestCase get_temp_dir gpu_device_name is_built_with_cuda is_built_with_gpu_support is_built_with_rocm
      is_gpu_available main mock test_src_dir_path
  python.framework.test_util: TensorFlowTestCase=TestCase
platform.documentation
  python.util.all_util: make_all remove_undocumented
"""
