"""Requests to a completions server: patience with what passes, one sentence about what does not."""

import random
import threading
from collections import Counter
from urllib.parse import urlsplit

import httpx2

from icl.errors import UserError
from probes.scorers.completions_client import open_client, proxy_of
from probes.scorers.completions_reply import json_object, may_pass, refusal_of, said
from probes.scorers.server_address import without_credentials

__all__ = ["ServerConnection"]

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 60.0
"""Seconds before the first repetition (doubled each time), and at most."""


class ServerConnection:
    """A server that speaks the OpenAI protocol, for as long as the `with` block lasts; threads may share it.

    Parameters
    ----------
    url
        Root of the API, such as ``http://127.0.0.1:8000/v1``; a key is read from ``OPENAI_API_KEY``.
    timeout
        Seconds that one request may take.
    retries
        How often a request is repeated after a time-out, a closed connection, or a reply that may pass.
    counts
        What was sent is added to it: requests, retries, and the tokens that the server says it read and wrote.
    """

    def __init__(self, url: str, *, timeout: float, retries: int, connections: int, counts: Counter):
        self.url = without_credentials(url)
        self._proxy = proxy_of(url)
        self._retries = retries
        self._counts = counts
        self._lock = threading.Lock()
        self._giving_up = threading.Event()
        self._client = open_client(url, timeout=timeout, connections=connections)

    def __enter__(self) -> "ServerConnection":
        return self

    def __exit__(self, *error) -> None:
        self.give_up()
        self._client.close()

    def give_up(self) -> None:
        """Let no request wait for another try."""
        self._giving_up.set()

    def get(self, path: str) -> dict:
        """Ask for `path`; see `post`."""
        return self._ask("GET", path, None)

    def post(self, path: str, body: dict) -> dict:
        """Send `body` as JSON and read the answer as JSON.

        Raises
        ------
        ContextExceededError
            If the server says that the prompt is too long.
        Refusal
            If the server refuses the request for another reason, or answers with what is no JSON object.
        UserError
            If there is no server, or all tries failed.
        """
        return self._ask("POST", path, body)

    def _ask(self, method: str, path: str, body: dict | None) -> dict:
        needs = "choices" if body is not None else "data"
        trouble = ""
        for attempt in range(self._retries + 1):
            pause = _FIRST_PAUSE * 2**attempt * random.uniform(0.5, 1.5)
            self._count(requests=1, retries=int(attempt > 0))
            times = "once" if attempt == 0 else f"{attempt + 1} times"
            try:
                response = self._client.request(method, path, json=body)
            except (httpx2.ConnectError, httpx2.ProxyError) as error:
                if not self._counts["answers"]:
                    raise self._unreachable(error) from error
                trouble = f"could not be reached {times} ({_first_line(error)})"
            except httpx2.TimeoutException:
                trouble = f"did not answer in time {times} ({self._client.timeout.read:g} s each)"
            except httpx2.DecodingError as error:
                trouble = f"sent what cannot be unpacked {times} ({_first_line(error)})"
            except httpx2.RequestError as error:
                trouble = f"closed the connection {times} ({_first_line(error)})"
            else:
                self._count(answers=1)
                if not may_pass(response, needs=needs, has_answered=self._counts[needs] > 0):
                    return self._read(response, needs)
                trouble = f"answered HTTP {response.status_code} {times}, saying: {said(response)}"
                pause = max(pause, _retry_after(response))
            if attempt == self._retries or self._giving_up.wait(min(pause, _LONGEST_PAUSE)):
                break
        through = f", asked through the proxy that {self._proxy} names," if self._proxy else ""
        raise UserError(
            f"server {self.url}{through} {trouble}; check the server, then rerun the same command to resume."
        )

    def _read(self, response: httpx2.Response, needs: str) -> dict:
        """Return a reply's answer, or raise its refusal."""
        if refusal := refusal_of(response, self.url, needs=needs):
            raise refusal
        answer = json_object(response)
        self._count(**{needs: 1})
        usage = answer.get("usage")
        if isinstance(usage, dict):
            known = {name: usage.get(name) for name in ("prompt_tokens", "completion_tokens")}
            self._count(**{name: count for name, count in known.items() if isinstance(count, int)})
        return answer

    def _unreachable(self, error: Exception) -> UserError:
        """Say why there is no connection to a server that has not answered yet."""
        reason = _first_line(error)
        if self._proxy:
            return UserError(
                f"server {self.url} cannot be reached through the proxy that {self._proxy} names ({reason}); check "
                f"the proxy, or set NO_PROXY={urlsplit(self.url).hostname} to reach the server without it."
            )
        if "CERTIFICATE_VERIFY_FAILED" in reason:
            return UserError(
                f"the certificate of server {self.url} cannot be verified ({reason}); name the file of its authority's "
                "certificate in the environment variable SSL_CERT_FILE, or use http:// where the server allows it."
            )
        if "[SSL" in reason:
            return UserError(
                f"server {self.url} opens no TLS connection ({reason}); write http:// if it serves without TLS."
            )
        return UserError(f"no server answers at {self.url} ({reason}); start it, or check the URL.")

    def _count(self, **counts: int) -> None:
        with self._lock:
            self._counts.update(counts)


def _retry_after(response: httpx2.Response) -> float:
    """Seconds that the server asks for; 0 where it names none, or a date."""
    try:
        return max(0.0, float(response.headers.get("Retry-After", 0)))
    except ValueError:
        return 0.0


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
