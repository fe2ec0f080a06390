"""Variables, initializers, layers; training, saving, summaries and data."""

TABLE = """
model.custom_gradient
  . python.ops.custom_gradient: custom_gradient
model.gradient_checker
  test python.ops.gradient_checker: compute_gradient compute_gradient_error
model.global_step -> python.training.training_util
  train python.training.training: assert_global_step create_global_step get_global_step
      get_or_create_global_step global_step
model.initializers -> python.ops.init_ops
  .: constant_initializer glorot_normal_initializer glorot_uniform_initializer ones_initializer
      orthogonal_initializer random_normal_initializer random_uniform_initializer
      truncated_normal_initializer uniform_unit_scaling_initializer variance_scaling_initializer
      zeros_initializer
  initializers: constant=constant_initializer glorot_normal=glorot_normal_initializer
      glorot_uniform=glorot_uniform_initializer he_normal he_uniform identity=Identity lecun_normal
      lecun_uniform ones=ones_initializer orthogonal=orthogonal_initializer
      random_normal=random_normal_initializer random_uniform=random_uniform_initializer
      truncated_normal=truncated_normal_initializer uniform_unit_scaling=uniform_unit_scaling_initializer
      variance_scaling=variance_scaling_initializer zeros=zeros_initializer
  python.ops.init_ops: Constant=constant_initializer GlorotNormal=glorot_normal_initializer
      GlorotUniform=glorot_uniform_initializer Ones=ones_initializer Orthogonal=orthogonal_initializer
      RandomNormal=random_normal_initializer RandomUniform=random_uniform_initializer
      TruncatedNormal=truncated_normal_initializer UniformUnitScaling=uniform_unit_scaling_initializer
      VarianceScaling=variance_scaling_initializer Zeros=zeros_initializer identity_initializer=Identity
  -: Initializer
model.modes
  . python.ops.variables: VariableAggregation VariableSynchronization
  . python.ops.variable_scope: AUTO_REUSE
model.partitioned
  . python.ops.partitioned_variables: fixed_size_partitioner min_max_variable_partitioner
      variable_axis_size_partitioner
  python.ops.variables: PartitionedVariable
model.reference_variables
  python.ops.variables: RefVariable
model.resource_variables -> python.ops.resource_variable_ops
  -: BaseResourceVariable ResourceVariable is_resource_variable
model.scope_state -> python.ops.variable_scope
  .: VariableScope get_variable_scope
  -: get_variable_scope_store
model.template -> python.ops.template
  .: make_template
  -: Template
model.variable_base
  . python.ops.variables: Variable
  python.ops.variables: VariableV1=Variable
model.variable_scope
  . python.ops.variable_scope: get_local_variable get_variable no_regularizer variable_creator_scope
      variable_op_scope variable_scope
  . python.ops.partitioned_variables: create_partitioned_variables
model.variables
  . python.ops.variables: all_variables assert_variables_initialized global_variables
      global_variables_initializer initialize_all_variables initialize_local_variables initialize_variables
      is_variable_initialized=_is_variable_initialized
      local_variables local_variables_initializer model_variables moving_average_variables
      report_uninitialized_variables trainable_variables variables_initializer
  . python.ops.variable_scope: disable_resource_variables enable_resource_variables
      resource_variables_enabled
  . initializers python.ops.lookup_ops: tables_initializer
  initializers: global_variables=global_variables_initializer local_variables=local_variables_initializer
      variables=variables_initializer
train.decay -> python.training.learning_rate_decay
  train: cosine_decay cosine_decay_restarts exponential_decay inverse_time_decay linear_cosine_decay
      natural_exp_decay noisy_linear_cosine_decay piecewise_constant
      piecewise_constant_decay=piecewise_constant polynomial_decay
train.moving_average -> python.training.moving_averages
  train: ExponentialMovingAverage
  -: assign_moving_average weighted_moving_average
train.optimizer
  train python.training.optimizer: Optimizer
  python.training.optimizer: _deduplicate_indexed_slices=unique_rows
train.optimizers
  train python.training.adadelta: AdadeltaOptimizer
  train python.training.adagrad: AdagradOptimizer
  train python.training.adam: AdamOptimizer
  train python.training.gradient_descent: GradientDescentOptimizer
  train python.training.momentum: MomentumOptimizer
  train python.training.rmsprop: RMSPropOptimizer
train.proximal
  train python.training.adagrad_da: AdagradDAOptimizer
  train python.training.ftrl: FtrlOptimizer
  train python.training.proximal_adagrad: ProximalAdagradOptimizer
  train python.training.proximal_gradient_descent: ProximalGradientDescentOptimizer
train.slots -> python.training.slot_creator
  -: create_slot create_slot_with_initializer create_zeros_slot
"""
