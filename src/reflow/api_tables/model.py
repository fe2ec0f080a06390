"""Variables, initializers, layers; training, saving, summaries and data."""

TABLE = """
model.modes
  . python.ops.variables: VariableAggregation VariableSynchronization
  .: AUTO_REUSE
model.reference_variables
  python.ops.variables: RefVariable
model.scope_state -> python.ops.variable_scope
  .: VariableScope get_variable_scope
  -: get_variable_scope_store
model.variable_base
  . python.ops.variables: Variable
  python.ops.variables: VariableV1=Variable
model.variable_scope -> python.ops.variable_scope
  .: get_local_variable get_variable no_regularizer variable_creator_scope variable_op_scope variable_scope
"""
