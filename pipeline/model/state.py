"""The tensors of a backbone by name: read from a file and checked, or drawn at random; and their digest."""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from pipeline.errors import ModelError
from pipeline.model.efficientnet_lite0 import own_name

__all__ = ["Shapes", "State", "digest", "random_state", "read_state"]

Shapes = Mapping[str, tuple[int, ...]]
State = dict[str, Tensor]


def read_state(path: Path, shapes: Shapes, remedy: str) -> State:
    """Tensors of these names and shapes from a file, as float32; what else it holds is ignored.

    Args:
        path: safetensors (by its suffix), or a PyTorch file with a state dict, bare or under 'state_dict'.
        remedy: what to do about an unfit file, the end of each error.
    Raises:
        ModelError: no such file, no state dict, or a tensor missing, of another shape or not finite.
    """
    stored = _load(path, remedy)
    state = {}
    for name, shape in shapes.items():
        if name not in stored:
            raise ModelError(f"{path}: has no tensor {name!r}, so it is of another backbone; {remedy}.")
        tensor = stored[name]
        if tuple(tensor.shape) != shape:
            found = f"{name!r} has shape {tuple(tensor.shape)}, not {shape}"
            raise ModelError(f"{path}: {found}, so it is of another backbone; {remedy}.")
        if not torch.isfinite(tensor).all():
            raise ModelError(f"{path}: {name!r} has values that are not finite; {remedy}.")
        state[name] = tensor.to(torch.float32).contiguous()
    return state


def random_state(shapes: Shapes, seed: int) -> State:
    """Weights as before any training: filters at He's scale (2015), normalisations that change nothing.

    The scale is by outputs, as torchvision's ResNets begin, which keeps the variances of their taps together.
    Draws are uniform, not normal, since the last bit of a logarithm differs between machines: a seed gives
    the same bytes everywhere. PyTorch's and NumPy's own generators are left alone.
    """
    source = np.random.RandomState(seed)
    state = {}
    for name, shape in shapes.items():
        if len(shape) > 1:
            fan_out = math.prod(shape[2:]) * (shape[0] if shape[1] > 1 else 1)  # 1: depthwise
            values = (source.random_sample(shape) - 0.5) * 2 * math.sqrt(6 / fan_out)
        else:
            # One-dimensional: scale and variance of a normalisation are ones, shift, mean and bias are zeros.
            values = np.full(shape, float(name.endswith((".weight", ".running_var"))))
        state[name] = torch.from_numpy(values.astype(np.float32))
    return state


def digest(state: State) -> str:
    """SHA-256, in hex, of names, shapes and values, whatever the order."""
    total = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        total.update(f"{name} {tuple(tensor.shape)}\n".encode())
        total.update(tensor.numpy().tobytes())
    return total.hexdigest()


def _load(path: Path, remedy: str) -> State:
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            # PyTorch remarks on how a file was pickled; what was in it is checked below.
            warnings.simplefilter("ignore")
            if path.suffix == ".safetensors":
                loaded: object = safetensors.torch.load(file.read())
            else:
                loaded = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ModelError(f"{path}: cannot be read, {reason}; {remedy}.") from error
    except Exception as error:  # the unpickler raises whatever a damaged byte leads it to
        raise ModelError(f"{path}: is not a file of weights, or is damaged; {remedy}.") from error
    if isinstance(loaded, dict) and isinstance(loaded.get("state_dict"), dict):
        loaded = loaded["state_dict"]
    if not isinstance(loaded, dict):
        raise ModelError(f"{path}: holds a {type(loaded).__name__}, not a state dict; {remedy}.")
    # Lite0's published names are translated; torchvision's have nothing to translate.
    return {own_name(str(name)): tensor for name, tensor in loaded.items() if isinstance(tensor, Tensor)}
