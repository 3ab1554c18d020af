"""Find a causal language model: a shipped name, a local folder, a `.gguf` file or a Hub id."""

import hashlib
import json
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from icl.errors import UserError, unknown_name
from icl.tasks.catalogue import is_written_as_path
from probes import disk
from probes.places import cache_folder, some_cache
from probes.terminal.progress import detail

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

__all__ = ["FAMILY_FILE", "ModelSource", "describe_shipped", "find_device", "find_model", "shipped_models"]

FAMILY_FILE = "family.npz"
"""The GINC family that a checkpoint was trained on, beside its weights."""

_ALIKE = 0.8
"""How alike a name is to a known one, from 0 to 1, where it is taken for that one misspelt."""

_SHIPPED = Path(__file__).parents[1] / "pretrain" / "shipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSource:
    """Where a model's files are.

    Attributes
    ----------
    name : str
        Name in tables and plots.
    location : str
        Folder, or Hub id.
    revision : str or None
        Hub revision that was asked for.
    weights_hash : str or None
        First 16 hexadecimal digits of the SHA-256 of local weights; None for a Hub model, which its commit names.
    """

    name: str
    location: str
    revision: str | None = None
    weights_hash: str | None = None

    @property
    def is_local(self) -> bool:
        """Whether the files lie on this machine's disk already."""
        return self.weights_hash is not None


def shipped_models() -> dict[str, Path]:
    """List the models that come with the lab: name → folder."""
    return {path.name: path for path in sorted(_SHIPPED.iterdir()) if (path / "config.json").exists()}


def describe_shipped(folder: Path) -> str:
    """Say from its training record what a shipped model is."""
    record = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    options = record["options"]
    shape = f"{options['architecture']} {options['num_layers']} × {options['width']}"
    tokens = f"{record['curve'][-1]['tokens'] / 1e6:.1f}M tokens of {options['documents']} documents"
    return f"{shape}, {record['parameters'] / 1e6:.2f}M weights, {tokens} of GINC family {record['family']}"


def find_model(name: str, *, revision: str | None = None) -> ModelSource:
    """Say where the model called `name` lies; a `.gguf` file is converted once into the user's cache.

    Raises
    ------
    UserError
        If there is no such model, file or package, or a revision is named of what has none.
    """
    found = _find(name, revision)
    if revision is not None and found.is_local:
        raise UserError(
            f"model '{name}' is on this machine and has no revisions, got '{revision}'; leave it out, or write it "
            "behind the Hub model that it belongs to: NAME@REVISION."
        )
    return found


def _find(name: str, revision: str | None) -> ModelSource:
    from probes.scorers.controls import CONTROLS

    shipped = shipped_models()
    known = [*shipped, "oracle", *CONTROLS]
    if name in shipped:
        return ModelSource(name=name, location=str(shipped[name]), weights_hash=_hash_weights(shipped[name]))
    try:
        path = Path(name).expanduser()
        is_file, is_folder = path.is_file(), bool(name) and path.is_dir()
    except (OSError, RuntimeError) as error:  # too long for a path, or the home of nobody
        raise unknown_name("model", name, known) from error
    if path.suffix.lower() == ".gguf":
        if not is_file:
            raise UserError(f"there is no file {name}; --model takes the path of a .gguf file.")
        with detail(f"converting {path.name} (once)"):
            return ModelSource(name=path.stem, location=str(_from_gguf(path)), weights_hash=_hash_file(path))
    if is_folder:
        if not (path / "config.json").exists():
            converted = sorted(path.glob("*.gguf"))
            instead = f"name its file {converted[0]}" if converted else "name a folder of Transformers"
            raise UserError(f"folder {name} holds no model: config.json is missing; {instead}.")
        return ModelSource(name=path.resolve().name, location=str(path), weights_hash=_hash_weights(path))
    if is_file:
        raise UserError(f"{name} is a file, not a model; name the folder that holds it and a config.json.")
    if not name or is_written_as_path(name) or _is_misspelt(name, known):
        raise unknown_name("model", name, known)
    return ModelSource(name=name, location=name, revision=revision)


def find_device(name: str) -> "torch.device":
    """Return the torch device called `name`; "auto" is an accelerator where there is one.

    Raises
    ------
    UserError
        If torch knows no such device.
    """
    import torch

    if name == "auto":
        accelerator = torch.accelerator.current_accelerator(check_available=True)
        return accelerator or torch.device("cpu")
    try:
        return torch.ones(1, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"device '{name}' cannot be used here ({_first_line(error)}); try --device auto.") from error


def _is_misspelt(name: str, known: Iterable[str]) -> bool:
    """Say whether a name without an owner is meant for a known one: the Hub has such names too, such as gpt2."""
    return "/" not in name and bool(get_close_matches(name, known, n=1, cutoff=_ALIKE))


def _hash_weights(folder: Path) -> str:
    """Hash every safetensors file of a folder; refuse a folder that has pickled weights only."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise UserError(
            f"folder {folder} holds no .safetensors weights; the lab loads no pickled weights; save the model with "
            "save_pretrained(…, safe_serialization=True)."
        )
    digest = hashlib.sha256()
    for file in files:
        digest.update(_hash_file(file).encode())
    return digest.hexdigest()[:16]


def _hash_file(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()[:16]
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}); make it readable, or name another model."
        ) from error


def _from_gguf(path: Path) -> Path:
    """Convert a GGUF file into an ordinary checkpoint in the cache, once for each content."""
    digest = _hash_file(path)
    lasting = cache_folder()
    if lasting is not None and ((known := lasting / "gguf" / digest) / "config.json").exists():
        return known
    place = some_cache() / "gguf" / digest  # found before the long conversion
    if (place / "config.json").exists():
        return place
    for package in ("gguf", "accelerate"):
        if find_spec(package) is None:
            raise UserError(f"reading {path.name} needs the package {package}, which is missing; install {package}.")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder, file = str(path.parent), path.name
    try:
        loaded = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file)
    except (ValueError, OSError, KeyError, NotImplementedError, IndexError) as error:
        raise UserError(
            f"{path.name} could not be read as a GGUF model ({_first_line(error)}); check the file, or use another."
        ) from error
    # save_pretrained refuses a model that was loaded from GGUF: its weights go into a fresh one.
    loaded.config.quantization_config = None
    del loaded.config.quantization_config
    fresh = AutoModelForCausalLM.from_config(loaded.config, dtype=torch.float32)
    fresh.load_state_dict(loaded.state_dict())
    try:
        return _save(fresh, tokenizer, place)
    except disk.DiskError as error:
        elsewhere = disk.temporary_folder() / "gguf" / digest
        if place == elsewhere:
            raise
        warnings.warn(f"{error} The converted model is kept for this command only.", stacklevel=2)
        return _save(fresh, tokenizer, elsewhere)


def _save(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", place: Path) -> Path:
    with disk.whole_folder(place) as draft:
        model.save_pretrained(draft, safe_serialization=True)
        tokenizer.save_pretrained(draft)
    return place


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
