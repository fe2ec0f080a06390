"""The versions that programs ask for.

`tf.__version__` is the TensorFlow release whose behaviour Reflow follows, because programs compare it;
Reflow's own release is `REFLOW_VERSION`.
"""

REFLOW_VERSION = "0.1.0"

VERSION = "1.15.0"
GIT_VERSION = "reflow-" + REFLOW_VERSION
COMPILER_VERSION = "XLA"
CXX11_ABI_FLAG = 1
MONOLITHIC_BUILD = 0
GRAPH_DEF_VERSION = 134
GRAPH_DEF_VERSION_MIN_CONSUMER = 0
GRAPH_DEF_VERSION_MIN_PRODUCER = 0
