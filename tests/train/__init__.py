"""Training and differentiation, compared with recordings of TensorFlow 1.15."""

from .scenarios_optimizers import scenarios as _optimizers
from .scenarios_training import scenarios as _training

FAMILIES = {found.family: found for found in (_optimizers, _training)}
