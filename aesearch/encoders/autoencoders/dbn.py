"""The deep autoencoder of 2006: a stack of restricted Boltzmann machines, unrolled and tuned."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from typing import Annotated

from aesearch.encoders.autoencoders.mlp import MLPEncoder
from aesearch.encoders.autoencoders.pretraining import PRETRAININGS, Pretraining
from aesearch.encoders.layers.mlp import ACTIVATIONS
from aesearch.encoders.parameters import Above, AtLeast, AtMost, Count, OneOf, Weight, Widths


@dataclass(eq=False, repr=False)
class DBNEncoder(MLPEncoder):
    """Deep autoencoder whose layers are pretrained as restricted Boltzmann machines.

    Each machine learns, by contrastive divergence, from the hidden probabilities of the one
    below; unrolled they are encoder and decoder, which are then trained as one. Values in 0..1
    (loss "cross-entropy") are seen by binary units, all others by Gaussian ones. The code is
    linear: the last machine has Gaussian hidden units; code_activation "sigmoid" makes them binary.

    Parameters
    ----------
    hidden : tuple of int, default=(1000, 500, 250)
        Widths of the layers between input and code; the decoder mirrors them.
    activation : str, default="sigmoid"
        What binary units have; another one needs `pretraining` "layerwise" or None.
    normalize : bool, default=False
        Batch normalization, likewise not with "rbm".
    learning_rate : float, default=0.003
        Of the whole network: sigmoids that have been pretrained bear, and need, large steps.
    pretraining : {"rbm", "layerwise"}, optional
        "rbm" by default.
    gibbs_steps : int, default=1
        The k of CD-k: steps of the Markov chain from each sample.
    momentum : float, default=0.9
        Of the machines' gradient, after the first fifth of a training; 0.5 before.
    weight_cost : float, default=2e-4
        Weight of half the squared weights of a machine.

    References
    ----------
    G. Hinton and R. Salakhutdinov, Reducing the dimensionality of data with neural networks,
    Science 2006. G. Hinton, S. Osindero and Y. Teh, A fast learning algorithm for deep belief
    nets, Neural Computation 2006. G. Hinton, Training products of experts by minimizing
    contrastive divergence, Neural Computation 2002; A practical guide to training restricted
    Boltzmann machines, 2010. Y. Bengio et al., Greedy layer-wise training of deep networks, NIPS
    2006. D. Erhan et al., Why does unsupervised pre-training help deep learning?, JMLR 2010.

    See Also
    --------
    MLPEncoder : the parameters of the network, and the modern way to train it.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().data / 16
    >>> dbn = DBNEncoder(2, hidden=(32, 8), loss="cross-entropy", epochs=5)
    >>> dbn.fit(X).transform(X).shape
    (1797, 2)
    """

    _: KW_ONLY
    hidden: Widths = (1000, 500, 250)
    activation: Annotated[str, OneOf(*ACTIVATIONS)] = "sigmoid"
    normalize: bool = False
    learning_rate: Annotated[float, Above(0)] = 3e-3
    pretraining: Annotated[str | None, OneOf(*PRETRAININGS)] = "rbm"
    gibbs_steps: Count = 1
    momentum: Annotated[float, AtLeast(0), AtMost(0.999)] = 0.9
    weight_cost: Weight = 2e-4

    def _pretraining(self, count: int) -> Pretraining | None:
        plan = super()._pretraining(count)
        return plan and replace(
            plan,
            gibbs_steps=self.gibbs_steps,
            momentum=self.momentum,
            weight_cost=self.weight_cost,
        )
