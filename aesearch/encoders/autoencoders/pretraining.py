"""Pretraining layer after layer: restricted Boltzmann machines, or each layer's own autoencoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from aesearch.encoders.autoencoders.network import NetworkTask
from aesearch.encoders.layers.likelihood import CROSS_ENTROPY, MULTINOMIAL, SQUARED, Likelihood
from aesearch.encoders.layers.mlp import ACTIVATIONS, MLPBackbone, Tied
from aesearch.encoders.layers.rbm import BINARY, COUNTS, GAUSSIAN, RBM, learning_rate_for
from aesearch.encoders.training.data import spread_rows
from aesearch.encoders.training.session import Session
from aesearch.encoders.training.task import Task
from aesearch.encoders.training.trainer import History, train

RBMS, LAYERWISE = "rbm", "layerwise"
PRETRAININGS = (RBMS, LAYERWISE)

FIRST_MOMENTUM, FIRST_SHARE = 0.5, 0.2  # until this share of an RBM's training is done
RBM_BATCH = 100  # at most: many small steps, as in the papers
LOOKED_AT = 1_000  # samples whose mean starts the visible biases


@dataclass(frozen=True)
class Pretraining:
    """What is wanted of a pretraining.

    Parameters
    ----------
    kind : {"rbm", "layerwise"}
    epochs : int
        Of each layer.
    code_activation : str, default="linear"
        Of the code; for RBMs "linear" (Gaussian units) or "sigmoid" (binary units).
    gibbs_steps : int, default=1
        The k of CD-k.
    momentum : float, default=0.9
        Of an RBM, after the first fifth of its training; 0.5, or less, before.
    weight_cost : float, default=2e-4
        Weight of half the squared weights of an RBM; biases are free.
    """

    kind: str
    epochs: int
    code_activation: str = "linear"
    gibbs_steps: int = 1
    momentum: float = 0.9
    weight_cost: float = 2e-4


class LayerInputs:
    """What a layer learns from: samples as the frozen layers below give them, batch by batch.

    Nothing but a batch is ever in memory: the layers below are passed anew in each epoch, which
    costs less than what is learned above them.

    Parameters
    ----------
    task : NetworkTask
        Of the whole network: its source, rows, likelihood and device.
    below : sequence of nn.Module
        From the input up.
    scale : float, default=1
        By which all that the layer sees is multiplied.
    """

    def __init__(self, task: NetworkTask, below: Sequence[nn.Module], scale: float = 1.0) -> None:
        self.source, self.rows, self.device = task.source, task.rows, task.device
        self.likelihood = task.network.likelihood.to(self.device)
        self.below = [stage.to(self.device).eval() for stage in below]
        self.scale = scale

    @torch.no_grad()
    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Give inputs of the layer, and targets of its decoder, of the training rows `rows`."""
        stored = self.source.batch(self.rows[rows.numpy()]).to(self.device)
        likelihood = self.likelihood
        x, target = likelihood.inputs(stored).flatten(1), likelihood.targets(stored).flatten(1)
        for stage in self.below:
            x = target = stage(x).float()
        return (x * self.scale if self.scale != 1 else x), target


class LayerTask(Task):
    """What the two ways of training one layer have in common.

    Parameters
    ----------
    module : nn.Module
    inputs : LayerInputs
    whole : NetworkTask
        Of the whole network, whose settings hold for the layer.
    epochs : int
    name : str
    """

    def __init__(
        self, module: nn.Module, inputs: LayerInputs, whole: NetworkTask, epochs: int, name: str
    ) -> None:
        self.module, self.inputs = module, inputs
        self.device, self.samples, self.batch_size = whole.device, whole.samples, whole.batch_size
        self.learning_rate, self.weight_decay = whole.learning_rate, whole.weight_decay
        self.epochs = self.patience = epochs
        self.name = f"{whole.name}-{name.replace(' ', '-')}"
        self.signature = f"{name} {whole.signature}"


class RBMTask(LayerTask):
    """Contrastive divergence: the gradient of F(v) - F(v_k) is that of CD-k, v_k held fixed.

    References
    ----------
    G. Hinton, Training products of experts by minimizing contrastive divergence, 2002.
    """

    module: RBM

    def __init__(
        self,
        rbm: RBM,
        inputs: LayerInputs,
        whole: NetworkTask,
        plan: Pretraining,
        name: str = "rbm",
        *,
        sampled: bool = False,
    ) -> None:
        super().__init__(rbm, inputs, whole, plan.epochs, name)
        self.plan, self.sampled = plan, sampled
        self.batch_size = min(self.batch_size, RBM_BATCH)
        self.learning_rate, self.weight_decay = learning_rate_for(rbm), plan.weight_cost
        self.patience = None  # a difference of free energies is no measure of success

    def losses(self, rows: Tensor) -> dict[str, Tensor]:
        """Return "contrast", and the squared error of v_k as "reconstruction", only to be told."""
        v = self.inputs.batch(rows)[0]
        with torch.no_grad():
            chain = self.module.gibbs(v, self.plan.gibbs_steps, sampled=self.sampled)
        data, model = self.module.free_energy(torch.cat([v, chain])).chunk(2)
        told = (v - chain).square().sum(dim=1).mean()
        return {"contrast": (data - model).mean(), "reconstruction": told}

    def optimizer(self) -> torch.optim.Optimizer:
        """Return gradient descent with momentum; only the weights decay."""
        rbm = self.module
        groups: list[dict[str, Any]] = [
            {"params": [rbm.weight], "weight_decay": self.weight_decay},
            {"params": [rbm.visible_bias, rbm.hidden_bias]},
        ]
        momentum = self.plan.momentum
        self._optimizer = torch.optim.SGD(groups, lr=self.learning_rate, momentum=momentum)
        return self._optimizer

    def on_progress(self, progress: float) -> bool:
        """Keep the momentum low while the steps are large."""
        momentum = self.plan.momentum
        for group in self._optimizer.param_groups:
            early = progress < FIRST_SHARE
            group["momentum"] = min(FIRST_MOMENTUM, momentum) if early else momentum
        return False


class AutoencoderTask(LayerTask):
    """One layer and its mirror image as an autoencoder of their own.

    References
    ----------
    Y. Bengio et al., Greedy layer-wise training of deep networks, NIPS 2006. P. Vincent et al.,
    Stacked denoising autoencoders, JMLR 2010 (with noise).
    """

    def __init__(
        self,
        pair: nn.Sequential,
        inputs: LayerInputs,
        whole: NetworkTask,
        epochs: int,
        name: str,
        errors: Callable[[Tensor, Tensor], Tensor],
    ) -> None:
        super().__init__(pair, inputs, whole, epochs, name)
        self.errors, self.noise = errors, whole.noise

    def losses(self, rows: Tensor) -> dict[str, Tensor]:
        """Return "reconstruction"."""
        x, target = self.inputs.batch(rows)
        return {"reconstruction": self.errors(self.module(self.noise(x)), target).mean()}


def stages(stack: nn.Sequential, layers: Sequence[nn.Module]) -> list[nn.Sequential]:
    """Split a stack before each of its layers: a layer, and what follows up to the next."""
    parts: list[list[nn.Module]] = []
    for module in stack:
        if any(module is layer for layer in layers):
            parts.append([])
        parts[-1].append(module)
    return [nn.Sequential(*part) for part in parts]


def pretrain(
    backbone: MLPBackbone, task: NetworkTask, plan: Pretraining, session: Session, *, seed: int = 0
) -> History:
    """Train layer after layer in place, each on what the frozen ones below it give.

    A layer that has been trained has its weights in the encoder, and their transposes in the
    decoder, with the hidden and the visible biases: the stack is unrolled as it grows.

    Parameters
    ----------
    backbone : MLPBackbone
    task : NetworkTask
        The training of the whole network that is to follow.
    plan : Pretraining
    session : Session
        A layer gets the part of it that its work needs. Once `stop` is asked for, the remaining
        layers stay as they are.
    seed : int

    Returns
    -------
    list of dict
        As `training.train` gives it, each entry with its "phase": "rbm 1", ... or "layer 1", ...

    References
    ----------
    G. Hinton, S. Osindero and Y. Teh, A fast learning algorithm for deep belief nets, 2006.
    G. Hinton and R. Salakhutdinov, Science 2006. D. Erhan et al., Why does unsupervised
    pre-training help deep learning?, JMLR 2010.
    """
    down, up = stages(backbone.down, backbone.encoders), stages(backbone.up, backbone.decoders)
    down[-1].append(ACTIVATIONS[plan.code_activation]())
    ends = _ends(backbone)
    history: History = []
    for number, end in enumerate(ends):
        begin = ends[number - 1] if number else 0.0
        inputs = LayerInputs(task, down[:number])
        part = session.phase(begin, end)
        if plan.kind == RBMS:
            phase = f"rbm {number + 1}"
            if not number and inputs.likelihood.loss == MULTINOMIAL:
                inputs.scale = _scale_of_counts(inputs)
            rbm = _rbm_for(backbone, number, inputs, plan)
            found = train(RBMTask(rbm, inputs, task, plan, phase), part, seed=seed)
            _unroll(rbm, backbone.encoders[number], backbone.decoders[-1 - number], inputs.scale)
        else:
            phase = f"layer {number + 1}"
            errors, mirror = inputs.likelihood.errors, up[-1 - number]
            if number and backbone.activation == "sigmoid":
                errors, mirror = Likelihood(CROSS_ENTROPY, ()).errors, mirror[:-1]
            elif number:
                errors = Likelihood(SQUARED, ()).errors
            pair = nn.Sequential(down[number], mirror)
            layer = AutoencoderTask(pair, inputs, task, plan.epochs, phase, errors)
            found = train(layer, part, seed=seed)
        history += [{"phase": phase, **entry} for entry in found]
        if session.stop is not None and session.stop():
            break
    task.network.cpu().eval()
    return history


def seconds_of(history: History) -> float:
    """Return how long all phases of a history took."""
    last: dict[str, float] = {e["phase"]: e["seconds"] for e in history if "seconds" in e}
    return sum(last.values())


def _ends(backbone: MLPBackbone) -> list[float]:
    """Return the share of the work that is done after each layer."""
    sizes = [layer.weight.numel() for layer in backbone.encoders]
    # A step is about six products with the layer's weights, and one with those of each below.
    work = [6 * size + sum(sizes[:number]) for number, size in enumerate(sizes)]
    return [sum(work[: number + 1]) / sum(work) for number in range(len(work))]


def _rbm_for(backbone: MLPBackbone, number: int, inputs: LayerInputs, plan: Pretraining) -> RBM:
    """Return the untrained RBM in place of one layer of the encoder."""
    layer = backbone.encoders[number]
    first = {CROSS_ENTROPY: BINARY, MULTINOMIAL: COUNTS}.get(inputs.likelihood.loss, GAUSSIAN)
    of_code = number == len(backbone.encoders) - 1
    rbm = RBM(
        layer.in_features,
        layer.out_features,
        visible_units=BINARY if number else first,
        hidden_units=GAUSSIAN if of_code and plan.code_activation == "linear" else BINARY,
    )
    looked_at = torch.from_numpy(spread_rows(len(inputs.rows), LOOKED_AT)).split(RBM_BATCH)
    means = torch.stack([inputs.batch(part)[0].mean(dim=0) for part in looked_at]).cpu()
    sizes = torch.tensor([float(len(part)) for part in looked_at])
    rbm.init_visible_bias(((sizes / sizes.sum()) @ means)[None])
    return rbm


def _scale_of_counts(inputs: LayerInputs) -> float:
    """Factor that makes a word count about once in the machine at the bottom.

    The multinomial brings documents to one length, whatever the width of the table. What the
    machine sees is a document of as many words as it has different ones, each by the logarithm of
    its count: the evidence that the hidden units are to sum up. (Counts alone leave them all at 0
    or 1 in a long document.)
    """
    words = weight = 0.0
    for part in torch.from_numpy(spread_rows(len(inputs.rows), LOOKED_AT)).split(RBM_BATCH):
        seen = inputs.batch(part)[0]
        words, weight = words + float((seen > 0).sum()), weight + float(seen.sum())
    return words / weight if weight else 1.0


@torch.no_grad()
def _unroll(rbm: RBM, encoder: nn.Linear, decoder: nn.Module, scale: float) -> None:
    """Take over what a machine has learned from inputs that were multiplied by `scale`."""
    encoder.weight.copy_(rbm.weight * scale)
    encoder.bias.copy_(rbm.hidden_bias)
    assert isinstance(decoder, nn.Linear | Tied)
    decoder.bias.copy_(rbm.visible_bias)
    if isinstance(decoder, nn.Linear):
        decoder.weight.copy_(rbm.weight.T)
