"""The conditional variational autoencoder, whose prior has one mean for each class."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from aesearch.encoders.autoencoders.network import Labels
from aesearch.encoders.autoencoders.vae import VAEEncoder, VariationalNetwork, normal_divergence
from aesearch.encoders.labels import UNLABELED, is_missing, label_column
from aesearch.encoders.layers.likelihood import Likelihood
from aesearch.encoders.layers.mlp import Backbone
from aesearch.encoders.parameters import Weight
from aesearch.errors import ParameterError
from aesearch.inference.prior import Prior
from aesearch.types import Array, Floats

# Between the means of two classes, about, before anything is learned; little drives them apart
# later. Measured on digits: at 2 half of the samples drawn by class are of that class, at 8 97 %,
# and at 6 to 8 the ELBO of held-out digits is best, with or without labels for all.
FIRST_DISTANCE = 8.0


class ConditionalNetwork(VariationalNetwork):
    """A variational network whose prior is a mixture: N(mean, I) for each class, all learned.

    Parameters
    ----------
    likelihood, backbone, beta, warm_up
        As for `VariationalNetwork`.
    code_size : int
    shares : ndarray of shape (classes,)
        How often each class occurs.
    classification : float
        Weight of the cross-entropy of the class, given the code.
    """

    log_shares: Tensor

    def __init__(
        self,
        likelihood: Likelihood,
        backbone: Backbone,
        *,
        beta: float,
        warm_up: float,
        code_size: int,
        shares: NDArray[np.float64],
        classification: float,
    ) -> None:
        super().__init__(likelihood, backbone, beta=beta, warm_up=warm_up)
        self.classification = classification
        spread = FIRST_DISTANCE / math.sqrt(2 * code_size)
        self.means = nn.Parameter(spread * torch.randn(len(shares), code_size))
        self.register_buffer("log_shares", torch.tensor(shares).log().float())

    def log_joint(self, codes: Tensor) -> Tensor:
        """Return log p(class, code) less a constant, (n, classes), of codes (n, code_size)."""
        return self.log_shares - 0.5 * self._squares(codes)

    def _squares(self, codes: Tensor) -> Tensor:
        """Return the squared distances to the means of the classes, (n, classes)."""
        return (codes[:, None] - self.means).square().sum(dim=-1)

    def divergence(self, mean: Tensor, log_variance: Tensor, labels: Tensor) -> Tensor:
        """Return KL(q(z | x) || p(z | class)), or without a label a bound of KL(q || p(z)), (n,).

        The mixture's own divergence has no closed form. By Jensen's inequality, for any weights
        w that sum to 1, it is at most sum_c w_c (KL_c - log share_c + log w_c); the smallest of
        these bounds is the one returned, -logsumexp_c(log share_c - KL_c).

        References
        ----------
        J. Hershey and P. Olsen, Approximating the Kullback Leibler divergence between Gaussian
        mixture models, ICASSP 2007, section 7.
        """
        # Only the distance from the mean is another for each class.
        centered = normal_divergence(torch.zeros_like(mean), log_variance)
        of_classes = centered[:, None] + 0.5 * self._squares(mean)
        bound = -torch.logsumexp(self.log_shares - of_classes, dim=1)
        known = of_classes.gather(1, labels.clamp(min=0)[:, None])[:, 0]
        return torch.where(labels >= 0, known, bound)

    def terms(
        self,
        posterior: tuple[Tensor, Tensor],
        targets: Tensor,
        labels: Tensor,
        weight: Tensor | float,
    ) -> dict[str, Tensor]:
        """Return those of `VariationalNetwork.terms`, and "classification" if it has a weight."""
        terms = super().terms(posterior, targets, labels, weight)
        if self.classification:
            # The sum over the known ones, for a batch may have none; -1 adds nothing to it.
            joint = self.log_joint(self.sample_posterior(*posterior))
            wrong = functional.cross_entropy(joint, labels, ignore_index=UNLABELED, reduction="sum")
            known = (labels != UNLABELED).sum().clamp(min=1)
            terms["classification"] = self.classification * wrong / known
        return terms


@dataclass(eq=False, repr=False)
class CVAEEncoder(VAEEncoder):
    """Conditional variational autoencoder: labels shape the space, and no query needs one.

    Codes of a class are trained toward N(mean of the class, I), with the means learned; neither
    encoder nor decoder ever sees a label. A sample without one is trained toward the mixture of
    all classes. New samples can be drawn by class.

    Parameters
    ----------
    classification : float, default=1
        Weight of the cross-entropy of the class given the code, p(class | code) of the mixture,
        which drives the means of the classes apart; 0 leaves that to the divergence.

    Attributes
    ----------
    classes_ : ndarray of shape (classes,)
        Names or numbers of the classes, sorted.
    shares_ : ndarray of shape (classes,)
        How often each occurs among the labeled samples.

    References
    ----------
    D. Kingma et al., Semi-supervised learning with deep generative models, NeurIPS 2014
    (unlabeled samples, and the weight of classification). K. Sohn et al., Learning structured
    output representation using deep conditional generative models, NeurIPS 2015 (a prior that
    depends on the condition). Z. Jiang et al., Variational deep embedding, IJCAI 2017 (mixture as
    the prior). J. Hershey and P. Olsen, ICASSP 2007 (the bound for samples without a label).

    See Also
    --------
    VAEEncoder : the other parameters.
    """

    uses_labels: ClassVar[bool] = True

    _: KW_ONLY
    classification: Weight = 1.0

    def predict(self, X: Array) -> Array:
        """Return the most probable class of each sample, (n,), one of `classes_`.

        That is the one with the nearest mean, or of two that are as near the larger one.
        """
        codes = torch.from_numpy(self.transform(X))
        with torch.inference_mode():
            best = self._conditional().log_joint(codes).argmax(dim=1)
        found: Array = self.classes_[best.numpy()]
        return found

    def _conditional(self) -> ConditionalNetwork:
        assert isinstance(self.network_, ConditionalNetwork)
        return self.network_

    def _encode_labels(self, y: object, count: int) -> Labels:
        names = _column(y, count)
        known = np.array([not is_missing(name) for name in names], dtype=bool)
        if not known.any():
            raise ParameterError(_without_labels(f"none of the {count} in y is one"))
        labels = np.full(count, UNLABELED, dtype=np.int64)
        self.classes_: Array
        self.classes_, labels[known] = _sorted_classes(names[known].tolist())
        self.shares_ = np.bincount(labels[known]) / known.sum()
        return labels

    def _network(self, likelihood: Likelihood, shape: tuple[int, ...]) -> ConditionalNetwork:
        return ConditionalNetwork(
            likelihood,
            self._backbone(shape, 2 * self.code_size),
            beta=self.beta,
            warm_up=self.warm_up,
            code_size=self.code_size,
            shares=self.shares_,
            classification=self.classification,
        )

    def _prior(self, latents: Floats) -> Prior:
        means = self._conditional().means.detach().numpy()
        return Prior(
            means.copy(),
            np.ones(self.code_size, dtype=np.float32),
            tuple(str(name) for name in self.classes_.tolist()),
            tuple(self.shares_.tolist()),
        )

    def _layout(self) -> dict[str, Any]:
        classes = {"classes": self.classes_.tolist(), "shares": self.shares_.tolist()}
        return {**super()._layout(), **classes}

    def _rebuild(self, layout: Mapping[str, Any], state: Mapping[str, Array]) -> None:
        self.classes_, self.shares_ = np.array(layout["classes"]), np.array(layout["shares"])
        super()._rebuild(layout, state)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


def _without_labels(what: str) -> str:
    """Return the message for a collection without any label."""
    return (
        f"labels are missing: cvae learns from classes, and {what}; "
        "give y (folder names on the command line), or choose vae"
    )


def _column(y: object, count: int) -> Array:
    """Return one label per sample as they were given, objects of shape (count,)."""
    if y is None:
        # In the words that scikit-learn's checks look for.
        what = "requires y to be passed, but the target y is None"
        raise ParameterError(_without_labels(what))
    return label_column(y, count)


def _sorted_classes(names: list[Any]) -> tuple[Array, Labels]:
    """Return the classes, sorted, and the number of each name among them."""
    texts = [name for name in names if isinstance(name, str)]
    if texts and len(texts) < len(names):
        number = next(name for name in names if not isinstance(name, str))
        raise ParameterError(
            f"y must be names or numbers; got both, such as {texts[0]!r} and {number!r}"
        )
    classes, numbers = np.unique(np.array(names), return_inverse=True)
    return classes, numbers.astype(np.int64)
