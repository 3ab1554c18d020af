"""The state of a training that has not ended: weights, optimisers and loss curve, so that it can be resumed."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from transformers import PreTrainedModel

from icl.errors import UserError
from icl.ginc.family import GincFamily
from probes import disk
from probes.pretrain.options import PretrainOptions

if TYPE_CHECKING:
    from probes.pretrain.train import TrainingPoint

__all__ = ["UNFINISHED", "read_unfinished", "remove_unfinished", "write_unfinished"]

UNFINISHED = "unfinished"
"""Folder inside the checkpoint's, there only while training lasts."""

_PROGRESS = "progress.json"
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """How far a training came, and in which precision; None in states of versions that did not write it down."""

    step: int
    dtype: torch.dtype | None
    curve: list[dict]


def write_unfinished(
    folder: Path,
    model: PreTrainedModel,
    optimisers: list[torch.optim.Optimizer],
    family: GincFamily,
    options: PretrainOptions,
    *,
    dtype: torch.dtype,
    step: int,
    curve: "list[TrainingPoint]",
) -> None:
    """Write the state; a kill at any moment leaves either this state or the one before."""
    place = folder / UNFINISHED
    disk.make_folder(place)
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for number, optimiser in enumerate(optimisers):
        for parameter, state in optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{number}.{parameter}.{name}": torch.as_tensor(state[name]) for name in state}
    state_file = place / f"step-{step}.safetensors"
    disk.write_whole(state_file, save({name: tensor.contiguous().clone() for name, tensor in tensors.items()}))
    progress = {
        "options": asdict(options),
        "family": family.fingerprint,
        "dtype": str(dtype).removeprefix("torch."),
        "step": step,
        "state": state_file.name,
        "curve": [asdict(point) for point in curve],
    }
    disk.write_json(place / _PROGRESS, progress)
    for other in place.glob("step-*.safetensors"):
        if other != state_file:
            disk.remove(other)


def read_unfinished(
    folder: Path,
    model: PreTrainedModel,
    optimisers: list[torch.optim.Optimizer],
    family: GincFamily,
    options: PretrainOptions,
) -> Unfinished | None:
    """Load the state that `folder` holds into model and optimisers; None where there is none.

    Raises
    ------
    UserError
        If the state belongs to another recipe or family, or cannot be read.
    """
    progress_file = folder / UNFINISHED / _PROGRESS
    if not progress_file.exists():
        return None
    try:
        progress = json.loads(progress_file.read_text(encoding="utf-8"))
        tensors = load((progress_file.parent / progress["state"]).read_bytes())  # no open file: Windows deletes none
        asked = json.loads(json.dumps(asdict(options)))
        differing = [name for name in asked if progress["options"].get(name) != asked[name]]
        if progress["family"] != family.fingerprint:
            differing.append("family")
        if differing:
            raise UserError(
                f"{folder} holds an unfinished training with a different {', '.join(differing)}; repeat its command, "
                "or choose another --out."
            )
        dtype = _DTYPES.get(progress.get("dtype"))
        model.load_state_dict(_below("model.", tensors))
        for number, optimiser in enumerate(optimisers):
            _load_optimiser(optimiser, _below(f"optimiser.{number}.", tensors))
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(
            f"the unfinished training in {folder} cannot be read ({str(error).splitlines()[0]}); delete the folder and "
            "start over, or choose another --out."
        ) from error
    return Unfinished(step=progress["step"], dtype=dtype, curve=progress["curve"])


def remove_unfinished(folder: Path) -> None:
    """Forget the state of a training that has ended."""
    disk.remove_folder(folder / UNFINISHED)


def _below(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _load_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        parameter, field = name.split(".", 1)
        state.setdefault(int(parameter), {})[field] = tensor
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
