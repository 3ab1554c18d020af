"""Why a model of Transformers could not be loaded: one sentence that says what to do about it."""

import os
import socket
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import urlsplit
from urllib.request import getproxies

from icl.errors import UserError
from probes.scorers.huggingface_source import ModelSource

__all__ = ["LOADING_ERRORS", "hub_is_reachable", "loading_error"]

LOADING_ERRORS = (OSError, ValueError, KeyError, TypeError, ImportError, RuntimeError, AttributeError)
"""What Transformers raises for files that are missing, damaged or of an unknown kind."""

_SECONDS = 5.0
"""How long the Hub may take to open a connection."""

_UNREACHABLE = frozenset(
    {"OfflineModeIsEnabled", "LocalEntryNotFoundError", "ConnectError", "ConnectTimeout", "ProxyError", "gaierror"}
)
"""Names of errors that mean that there was no answer from the Hub."""


@lru_cache(maxsize=1)
def hub_is_reachable() -> bool:
    """Say whether the Hub may answer; without a network its client would try again for half a minute, each time."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    address = urlsplit(constants.ENDPOINT)
    if {address.scheme, "all"} & getproxies().keys():
        return True
    try:
        with socket.create_connection(
            (address.hostname or "", address.port or (80 if address.scheme == "http" else 443)), timeout=_SECONDS
        ):
            return True
    except (OSError, UnicodeError):
        return False


def loading_error(source: ModelSource, what: str, error: Exception) -> UserError:
    """Build the error for a model whose `what` (configuration, tokenizer or weights) could not be loaded."""
    return _local_error(source, what, error) if source.is_local else _hub_error(source, what, error)


def _local_error(source: ModelSource, what: str, error: Exception) -> UserError:
    if what == "tokenizer":
        return UserError(
            f"model '{source.name}' comes without a tokenizer that can be read ({_first_line(error)}); save the one it "
            "was trained with into its folder, with tokenizer.save_pretrained(…)."
        )
    return UserError(
        f"model '{source.name}' could not be loaded ({what}: {_first_line(error)}); check the files in "
        f"{source.location}, or save the model again with save_pretrained."
    )


def _hub_error(source: ModelSource, what: str, error: Exception) -> UserError:
    name, page = source.location, f"https://huggingface.co/{source.location}"
    raised = {type(one).__name__ for one in _chain(error)}
    if "GatedRepoError" in raised:
        return UserError(
            f"model '{name}' is gated on the Hugging Face Hub, and you have no access to it; ask for access at {page}, "
            "and set the environment variable HF_TOKEN to your token."
        )
    if "RevisionNotFoundError" in raised:
        return UserError(
            f"model '{name}' has no revision '{source.revision}' on the Hugging Face Hub; choose a branch, tag or "
            f"commit of {page}/tree/main, or leave --revision out."
        )
    if "RepositoryNotFoundError" in raised:
        return UserError(
            f"'{name}' is not a shipped model, control, folder or .gguf file, and the Hugging Face Hub has no public "
            "model of that name; check the spelling (probe list models names what is shipped), or set the environment "
            "variable HF_TOKEN if it is private."
        )
    if raised & _UNREACHABLE or (isinstance(error, OSError) and not hub_is_reachable()):
        why = "HF_HUB_OFFLINE is set" if os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0") else "no network"
        missing = "" if what == "configuration" else f"'s {what}"
        return UserError(
            f"'{name}'{missing} is not on this machine, and the Hugging Face Hub cannot be reached ({why}); check the "
            "network and the name (probe list models names what is shipped), or name a local folder or .gguf file."
        )
    if what == "weights" and "safetensors" in str(error):
        return UserError(
            f"model '{name}' has no .safetensors weights on the Hugging Face Hub, and the lab loads no pickled ones; "
            "name another --revision or model, or save it with save_pretrained and name the folder."
        )
    if "does not appear to have" in str(error):
        return UserError(
            f"'{name}' on the Hugging Face Hub holds no {what} that Transformers can read; see {page}/tree/main, and "
            "download the .gguf file and name it if that is what it holds."
        )
    return UserError(
        f"model '{name}' could not be loaded ({what}: {_first_line(error)}); check the name and the network, or name "
        "a local folder or .gguf file."
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Walk from an error to what caused it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _first_line(error: Exception) -> str:
    line = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
    return line if not line.endswith(":") else type(error).__name__
