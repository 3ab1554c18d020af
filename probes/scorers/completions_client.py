"""The HTTP client of a completions server: its key, proxy and certificates; each failure is one sentence."""

import os
import ssl
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx2

from icl.errors import UserError
from probes.scorers.server_address import is_loopback, without_credentials

__all__ = ["KEY", "open_client", "proxy_of"]

KEY = "OPENAI_API_KEY"
"""Environment variable of a server's key."""

_CERTIFICATES = {"SSL_CERT_FILE": Path.is_file, "SSL_CERT_DIR": Path.is_dir}
"""Environment variables that name certificates, and what each must name."""


def open_client(url: str, *, timeout: float, connections: int) -> httpx2.Client:
    """Open a client for the API at `url`; what goes to this machine itself goes through no proxy.

    Raises
    ------
    UserError
        If the key cannot be sent, or the proxy or the certificates of the environment cannot be used.
    """
    parts = urlsplit(url)
    key = os.environ.get(KEY, "") if "@" not in parts.netloc else ""
    _check_key(key)
    verify = _certificates() if parts.scheme == "https" else False  # reading certificates takes a while
    try:
        return httpx2.Client(
            base_url=f"{url}/",
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=timeout,
            limits=httpx2.Limits(max_connections=connections),
            verify=verify,
            trust_env=not is_loopback(parts.hostname or ""),
        )
    except httpx2.InvalidURL as error:
        raise UserError(
            f"{without_credentials(url)} is not the URL of a server; write http://HOST:PORT/v1#MODEL."
        ) from error
    except ImportError as error:
        raise _unusable_proxy(url, "is a SOCKS proxy, which needs the package socksio; install it") from error
    except (ValueError, TypeError) as error:
        raise _unusable_proxy(url, "is not the URL of a proxy; write http://HOST:PORT into it") from error


def proxy_of(url: str) -> str:
    """Name what makes requests to `url` go through a proxy: an environment variable; empty where none does."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    proxies = getproxies()
    scheme = next((scheme for scheme in (parts.scheme, "all") if proxies.get(scheme)), "")
    if not scheme or is_loopback(host) or proxy_bypass(host):
        return ""
    names = (f"{scheme}_proxy", f"{scheme}_proxy".upper())
    return next((name for name in names if os.environ.get(name)), "the system's settings")


def _check_key(key: str) -> None:
    """Refuse a key that an HTTP header cannot carry; its characters are not shown."""
    for place, character in enumerate(key, start=1):
        if not "!" <= character <= "~":
            what = "a line break" if character in "\r\n" else "a space" if character == " " else "no plain letter"
            what = what if character.isprintable() or character in "\r\n" else "a control character"
            raise UserError(
                f"the key in the environment variable {KEY} cannot be sent: its character {place} of {len(key)} is "
                f"{what}; set it to the key alone, or unset it for a server without one."
            )


def _certificates() -> ssl.SSLContext:
    """Read the certificates that a server's own is verified by."""
    for name, is_there in _CERTIFICATES.items():
        if (path := os.environ.get(name)) and not is_there(Path(path)):
            raise UserError(
                f"there are no certificates at {path}, which the environment variable {name} names; correct it, or "
                "unset it."
            )
    try:
        return httpx2.create_ssl_context()
    except OSError as error:  # of which SSLError is one
        names = " or ".join(name for name in _CERTIFICATES if os.environ.get(name)) or "the system"
        raise UserError(
            f"the certificates that {names} names cannot be read ({error.strerror or error}); correct it, or unset it."
        ) from error


def _unusable_proxy(url: str, why: str) -> UserError:
    named = [name for name in os.environ if name.lower() in ("http_proxy", "https_proxy", "all_proxy")]
    host = urlsplit(url).hostname
    return UserError(
        f"the proxy in {proxy_of(url) or ', '.join(sorted(named))} {why}, or set NO_PROXY={host} to reach the server "
        "without a proxy."
    )
