"""What programs use of tf.contrib."""

TABLE = """
contrib.layers_initializers -> contrib.slim contrib.layers contrib.layers.python.layers.initializers
  -: variance_scaling_initializer xavier_initializer
  contrib.slim contrib.layers: xavier_initializer_conv2d=xavier_initializer
  contrib.layers.python.layers.initializers: xavier_initializer_conv2d=xavier_initializer
contrib.external_optimizer
  contrib.opt: ExternalOptimizerInterface ScipyOptimizerInterface
contrib.mode_keys
  estimator python.estimator.model_fn python.estimator.estimator_lib: ModeKeys=EstimatorModeKeys
  contrib.learn contrib.learn.python.learn.estimators.model_fn: ModeKeys=LearnModeKeys
contrib.preprocessing -> contrib.learn.preprocessing contrib.learn.python.learn.preprocessing
  -: ByteProcessor CategoricalVocabulary VocabularyProcessor
contrib.preprocessing
  contrib.learn.python.learn.preprocessing.text: ByteProcessor VocabularyProcessor tokenizer
  contrib.learn.python.learn.preprocessing.categorical_vocabulary: CategoricalVocabulary
contrib.opt
  contrib.opt: AdaMaxOptimizer AdamWOptimizer DecoupledWeightDecayExtension LazyAdamOptimizer
      MomentumWOptimizer MovingAverageOptimizer NadamOptimizer extend_with_decoupled_weight_decay
model.regularizers -> contrib.layers contrib.slim contrib.layers.python.layers.regularizers
  -: apply_regularization l1_l2_regularizer l1_regularizer l2_regularizer sum_regularizer
"""
