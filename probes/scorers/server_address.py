"""Addresses of completions servers: what a user writes for one, and how it may be shown."""

import ipaddress
import re
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from icl.errors import UserError

__all__ = [
    "ServerAddress",
    "is_loopback",
    "read_address",
    "refuse_misspelt_address",
    "shown_model",
    "without_credentials",
]

_ENDPOINTS = re.compile(r"(/chat)?/completions$|/models$")
"""Ends of a URL that name one call of the API; its root stands before them."""

_SCHEME = re.compile(r"(https?)(:/*|//+)(?=[^/])", re.IGNORECASE)
"""Beginnings that mean http:// or https://, such as ``http:/`` and ``http//``."""

_HOST_AND_PORT = re.compile(r"(\[[0-9a-fA-F:.]+\]|[\w.-]+):\d+(/.*)?")
_LOCAL_HOST = re.compile(r"(localhost|\d+\.\d+\.\d+\.\d+|\[[0-9a-fA-F:.]+\])(/.*)?", re.IGNORECASE)
_API_ROOT = re.compile(r"[\w-]+(\.[\w-]+)+/(.+/)?v\d+(/.*)?")
"""Names without a scheme that are a server's address: HOST:PORT, a local host, HOST.DOMAIN/v1."""


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Root of an API, and the model's name there; empty where none is given."""

    root: str
    model: str


def read_address(text: str) -> ServerAddress:
    """Read ``http://HOST:PORT/v1#MODEL``; slashes and the name of a call at the root's end are left out.

    Raises
    ------
    UserError
        If it is not the URL of a server.
    """
    root, _, model = text.strip().partition("#")
    root = _ENDPOINTS.sub("", root.rstrip("/")).rstrip("/")
    try:
        parts = urlsplit(root)
        host, _ = parts.hostname, parts.port  # a port that is no number is told here
    except ValueError as error:
        raise _no_url(text, " (its host or port cannot be read)") from error
    if parts.scheme not in ("http", "https") or not host or parts.query:
        raise _no_url(text, " (it has a query)" if parts.query else "")
    if any(not character.isprintable() or character.isspace() for character in root):
        raise _no_url(text, " (it holds spaces or control characters)")
    try:
        host.encode("idna")
    except UnicodeError as error:
        raise _no_url(text, " (its host is no host's name)") from error
    return ServerAddress(f"{parts.scheme}{root[len(parts.scheme) :]}", model.strip())


def refuse_misspelt_address(name: str) -> None:
    """Refuse a model's name that is meant as a server's address but lacks ``http://``, and say how to write it.

    Raises
    ------
    UserError
        If it looks like an address; a Hub id or a path does not.
    """
    if begun := _SCHEME.match(name):
        scheme, rest = begun[1].lower(), name[begun.end() :]
    elif "://" in name:
        scheme, rest = "http", name.partition("://")[2]
    else:
        scheme, rest = "", name
    address, hash_sign, model = without_credentials(rest).lstrip("/").partition("#")
    if not scheme:
        if _API_ROOT.fullmatch(address) and not _LOCAL_HOST.fullmatch(address):
            scheme = "https"
        elif _HOST_AND_PORT.fullmatch(address) or _LOCAL_HOST.fullmatch(address):
            scheme = "http"
        else:
            return
    address = _ENDPOINTS.sub("", address.rstrip("/")).rstrip("/")
    if "/" not in address:
        address += "/v1"
    raise UserError(
        f"'{without_credentials(name)}' is not the URL of a server; write {scheme}://{address}{hash_sign}{model}."
    )


def without_credentials(url: str) -> str:
    """Return a URL as it may be shown and recorded: user, password and query are left out, however they are written."""
    scheme, separator, rest = url.partition("://") if "://" in url else ("", "", url)
    address, hash_sign, model = rest.partition("#")
    if "@" in address:
        address = address.rpartition("@")[2]
    elif "@" in model and not _has_host(address):
        address, hash_sign, model = model.rpartition("@")[2], "", ""  # the hash sign is the password's
    return f"{scheme}{separator}{address.partition('?')[0].rstrip('/')}{hash_sign}{model}"


def shown_model(name: str) -> str:
    """Return a model's name as it may be shown and recorded: a server's without its credentials."""
    return without_credentials(name) if re.match("https?://", name, re.IGNORECASE) else name


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine: localhost, 127.0.0.0/8, ::1, or an address that stands for any of its own."""
    name = host.lower().rstrip(".").partition("%")[0]
    if name == "localhost" or name.endswith((".localhost", ".localdomain")):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        try:
            address = ipaddress.ip_address(socket.inet_aton(name))  # short forms such as 127.1 and 0
        except (OSError, ValueError):
            return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return mapped.is_loopback or mapped.is_unspecified


def _has_host(address: str) -> bool:
    try:
        return urlsplit(f"//{address}").port is not None or True
    except ValueError:
        return False


def _no_url(text: str, why: str) -> UserError:
    return UserError(f"{without_credentials(text)} is not the URL of a server{why}; write http://HOST:PORT/v1#MODEL.")
