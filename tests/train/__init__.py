"""Training and differentiation, compared with recordings of TensorFlow 1.15."""

from .scenarios_contrib import scenarios as _contrib
from .scenarios_layers import scenarios as _layers
from .scenarios_optimizers import scenarios as _optimizers
from .scenarios_rules import scenarios as _autodiff  # those of scenarios_autodiff too
from .scenarios_slim import scenarios as _slim
from .scenarios_training import scenarios as _training
from .scenarios_words import scenarios as _words

FAMILIES = {
    found.family: found for found in (_autodiff, _contrib, _layers, _optimizers, _slim, _training, _words)
}
