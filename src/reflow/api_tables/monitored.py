"""Monitored sessions, their hooks, and the supervisor."""

TABLE = """
train.hooks -> python.training.basic_session_run_hooks
  train estimator python.training.session_run_hook python.training.training: SessionRunArgs SessionRunContext
      SessionRunHook SessionRunValues
  train estimator python.training.training: FeedFnHook FinalOpsHook GlobalStepWaiterHook LoggingTensorHook
      NanLossDuringTrainingError NanTensorHook SecondOrStepTimer StopAtStepHook
  python.training.basic_session_run_hooks: _HookTimer=HookTimer _as_graph_element
  -: NeverTriggerTimer
train.hooks_writing -> python.training.basic_session_run_hooks
  train estimator python.training.training: CheckpointSaverHook CheckpointSaverListener ProfilerHook
      StepCounterHook SummarySaverHook
train.monitored -> python.training.monitored_session
  train python.training.training contrib.learn.python.learn.monitored_session: ChiefSessionCreator
      MonitoredSession MonitoredTrainingSession SessionCreator SingularMonitoredSession WorkerSessionCreator
  -: USE_DEFAULT _MonitoredSession
train.monitored_layers -> python.training.monitored_session
  python.training.monitored_session: _CoordinatedSession=CoordinatedSession _HookedSession=HookedSession
      _RecoverableSession=RecoverableSession _WrappedSession=WrappedSession _PREEMPTION_ERRORS=PREEMPTION
train.monitored_scaffold -> python.training.monitored_session
  train python.training.training contrib.learn.python.learn.monitored_session: Scaffold
train.resources -> python.ops.resources
  -: initialize_resources local_resources register_resource report_uninitialized_resources shared_resources
train.cluster
  train python.training.server_lib python.training.training: ClusterSpec Server
  distribute: Server
  train python.training.device_setter python.training.training: replica_device_setter
  python.training.device_setter: STANDARD_PS_OPS
train.evaluation
  python.training.evaluation: _StopAfterNEvalsHook=StopAfterNEvalsHook _evaluate_once=evaluate_once
      _get_latest_eval_step_value=latest_eval_step_value _get_or_create_eval_step=get_or_create_eval_step
  contrib.training contrib.training.python.training.evaluation: StopAfterNEvalsHook evaluate_once
      get_or_create_eval_step
contrib.evaluation
  contrib.training contrib.training.python.training.evaluation: SummaryAtEndHook evaluate_repeatedly
  contrib.slim.evaluation contrib.slim.python.slim.evaluation: evaluate_once=slim_evaluate_once
      evaluation_loop
train.checkpoint_reader
  contrib.training contrib.training.python.training.evaluation: checkpoints_iterator wait_for_new_checkpoint
  contrib.slim.evaluation contrib.slim.python.slim.evaluation: checkpoints_iterator wait_for_new_checkpoint
train.supervisor -> python.training.supervisor
  train python.training.training: Supervisor
  -: SVStepCounterThread SVSummaryThread SVTimerCheckpointThread
train.session_manager -> python.training.session_manager
  train python.training.training: SessionManager
"""
