"""The fully connected autoencoder."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from typing import Annotated, Any, ClassVar

from torch import Tensor

from aesearch.encoders.autoencoders.base import Autoencoder
from aesearch.encoders.autoencoders.network import Labels, Network
from aesearch.encoders.autoencoders.pretraining import (
    PRETRAININGS,
    RBMS,
    Pretraining,
    pretrain,
    seconds_of,
)
from aesearch.encoders.layers.likelihood import Likelihood
from aesearch.encoders.layers.mlp import ACTIVATIONS, Backbone, MLPBackbone
from aesearch.encoders.parameters import Count, OneOf, Weight, Widths
from aesearch.encoders.training.data import Batches
from aesearch.encoders.training.session import Session
from aesearch.encoders.training.task import Epochs
from aesearch.encoders.training.trainer import History, train
from aesearch.errors import ParameterError

PRETRAINING_SHARE = 0.3  # of a session; what it leaves of the time goes to the whole network
PRETRAINING_EPOCHS = Epochs(shown=600_000, fewest=10, most=100)  # of one layer


class PlainNetwork(Network):
    """A backbone between input and code, with penalties on the code.

    Parameters
    ----------
    likelihood : Likelihood
    backbone : Backbone
    code_activation : str
        A key of `ACTIVATIONS`.
    sparsity, code_penalty : float
        Weights of the sum of the absolute values of a code, and of half that of its squares.
    """

    def __init__(
        self,
        likelihood: Likelihood,
        backbone: Backbone,
        *,
        code_activation: str = "linear",
        sparsity: float = 0.0,
        code_penalty: float = 0.0,
    ) -> None:
        super().__init__(likelihood)
        self.backbone = backbone
        self.activation = ACTIVATIONS[code_activation]()
        self.sparsity, self.code_penalty = sparsity, code_penalty
        backbone.init_output_bias(likelihood.output_bias())

    def encode(self, inputs: Tensor) -> Tensor:
        """Return the codes."""
        codes: Tensor = self.activation(self.backbone.encode(inputs))
        return codes

    def decode(self, latents: Tensor) -> Tensor:
        """Return the raw values of the last layer."""
        return self.backbone.decode(latents)

    def losses(self, inputs: Tensor, targets: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return "reconstruction", and "sparsity" and "code" where they have a weight."""
        codes = self.encode(inputs)
        return self.terms(codes, self.decode(codes), targets)

    def terms(self, codes: Tensor, raw: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Return the terms of the loss, given the codes and what was decoded from them."""
        terms = {"reconstruction": self.likelihood.errors(raw, targets).mean()}
        if self.sparsity:
            terms["sparsity"] = self.sparsity * codes.float().abs().sum(dim=1).mean()
        if self.code_penalty:
            squares = codes.float().square().sum(dim=1).mean()
            terms["code"] = 0.5 * self.code_penalty * squares
        return terms


@dataclass(eq=False, repr=False)
class MLPEncoder(Autoencoder):
    """Fully connected autoencoder of any depth, tied, sparse, denoising or pretrained.

    Parameters
    ----------
    hidden : tuple of int, default=(512, 256)
        Widths of the layers between input and code; the decoder mirrors them. (1000, 500, 250)
        with a code of 30 is the network of Hinton and Salakhutdinov; an empty tuple with
        activation "linear" is a linear autoencoder, whose codes span those of PCA.
    activation : {"relu", "selu", "silu", "gelu", "tanh", "sigmoid", "linear"}, default="relu"
        Of the hidden layers.
    code_activation : str, default="linear"
        Of the code; "relu" together with `sparsity` leaves many exact zeros.
    normalize : bool, default=True
        Batch normalization before each hidden activation.
    tied : bool, default=False
        The decoder's weights are the transposes of the encoder's.
    sparsity : float, default=0
        Weight of the L1 norm of the code, for codes larger than the input.
    code_penalty : float, default=0
        Weight of half the squared L2 norm of the code: keeps codes near 0, where one can sample.
    pretraining : {"rbm", "layerwise"}, optional
        What comes before the training of the whole network, layer after layer: "rbm" trains
        restricted Boltzmann machines and needs activation "sigmoid", code_activation "linear" or
        "sigmoid", and normalize False; "layerwise" trains each layer as an autoencoder of its
        own, with any activation, and with the noise that is set.
    pretraining_epochs : int, optional
        How often each layer sees each sample; by default 10, and up to 100 where there are fewer
        than 60,000.

    References
    ----------
    G. Hinton and R. Salakhutdinov, Reducing the dimensionality of data with neural networks,
    Science 2006. P. Baldi and K. Hornik, Neural networks and principal component analysis, 1989
    (linear). A. Ng, Sparse autoencoder, CS294A 2011. P. Vincent et al., Stacked denoising
    autoencoders, JMLR 2010. Y. Bengio et al., Greedy layer-wise training of deep networks, NIPS
    2006 (pretraining).

    See Also
    --------
    Autoencoder : the parameters that all trained encoders have.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().data
    >>> MLPEncoder(code_size=3, hidden=(32,), epochs=5).fit(X).transform(X).shape
    (1797, 3)
    """

    accepts_sparse: ClassVar[bool] = True

    _: KW_ONLY
    hidden: Widths = (512, 256)
    activation: Annotated[str, OneOf(*ACTIVATIONS)] = "relu"
    code_activation: Annotated[str, OneOf(*ACTIVATIONS)] = "linear"
    normalize: bool = True
    tied: bool = False
    sparsity: Weight = 0.0
    code_penalty: Weight = 0.0
    pretraining: Annotated[str | None, OneOf(*PRETRAININGS)] = None
    pretraining_epochs: Count | None = None

    def check_parameters(self) -> None:
        """Check the parameters; see `Encoder.check_parameters`."""
        super().check_parameters()
        if self.pretraining == RBMS:
            self._check_rbms()

    def _check_rbms(self) -> None:
        """Refuse what no restricted Boltzmann machine can stand for."""
        instead = "or choose pretraining 'layerwise' or None"
        if self.hidden and self.activation != "sigmoid":
            raise ParameterError(
                "activation must be sigmoid for pretraining 'rbm', whose hidden units are binary; "
                f"got {self.activation!r}: set it, {instead}"
            )
        if self.code_activation not in ("linear", "sigmoid"):
            raise ParameterError(
                "code_activation must be linear (Gaussian units) or sigmoid (binary units) for "
                f"pretraining 'rbm'; got {self.code_activation!r}: set it, {instead}"
            )
        if self.hidden and self.normalize:
            raise ParameterError(
                "normalize must be false for pretraining 'rbm', whose weights know nothing of "
                f"batch normalization; got {self.normalize!r}: set it, {instead}"
            )

    def _network(self, likelihood: Likelihood, shape: tuple[int, ...]) -> Network:
        return PlainNetwork(likelihood, self._backbone(shape), **self._code_kwargs())

    def _backbone(self, shape: tuple[int, ...]) -> MLPBackbone:
        return MLPBackbone(
            shape,
            self.hidden,
            self.code_size,
            self.code_size,
            activation=self.activation,
            normalize=self.normalize,
            tied=self.tied,
        )

    def _code_kwargs(self) -> dict[str, Any]:
        """Return the parameters of the network that are about its code."""
        return {
            "code_activation": self.code_activation,
            "sparsity": self.sparsity,
            "code_penalty": self.code_penalty,
        }

    def _train(self, source: Batches, labels: Labels, session: Session) -> History:
        """Train layer after layer where that is wanted, then the whole network."""
        plan = self._pretraining(source.count)
        if plan is None:
            return super()._train(source, labels, session)
        assert isinstance(self.network_, PlainNetwork)
        assert isinstance(self.network_.backbone, MLPBackbone)
        task = self._task(source, labels)
        first = session.phase(0.0, PRETRAINING_SHARE)
        history = pretrain(self.network_.backbone, task, plan, first, seed=self.random_state)
        if session.stop is not None and session.stop():
            # A checkpoint of the whole network would be taken for one that was pretrained.
            return history
        rest = session.phase(PRETRAINING_SHARE, 1.0)
        if session.budget_s is not None:
            rest = replace(rest, budget_s=session.budget_s - seconds_of(history))
        return history + train(task, rest, seed=self.random_state)

    def _pretraining(self, count: int) -> Pretraining | None:
        """Plan of the pretraining on `count` samples, where there is one."""
        if self.pretraining is None:
            return None
        epochs = self.pretraining_epochs or PRETRAINING_EPOCHS.of(count)
        return Pretraining(self.pretraining, epochs, self.code_activation)
