"""Requests to a completions server: patience with what passes, one sentence about what does not."""

import json
import os
import random
import re
import threading
from collections import Counter
from urllib.parse import urlsplit

import httpx2

from icl.errors import UserError

__all__ = ["ContextExceededError", "Refusal", "ServerConnection"]

_PASSING = frozenset({408, 425, 429, *range(500, 600)})
"""HTTP states that may be gone when the same is asked again."""

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 60.0
"""Seconds before the first repetition (doubled each time), and at most."""

_SAID_CHARACTERS = 200
_LOCAL = {"127.0.0.1", "::1", "localhost"}
_NO_LOGPROBS = re.compile(r"logits_all|logprobs", re.IGNORECASE)
_TOO_LONG = re.compile(
    r"context[ _](length|size|window)|context_length_exceeded|exceeds? .{0,40}(context|max_model_len)"
    r"|(prompt|input) (is )?too long|maximum (input|sequence|model) length",
    re.IGNORECASE,
)


class ContextExceededError(UserError):
    """The server says that a prompt is longer than what its model reads."""


class Refusal(UserError):
    """The server refuses a request for good: HTTP 4xx, or an answer that is none."""


class ServerConnection:
    """A server that speaks the OpenAI protocol, for as long as the `with` block lasts; threads may share it.

    Parameters
    ----------
    url
        Root of the API, such as ``http://127.0.0.1:8000/v1``; a key is read from ``OPENAI_API_KEY``.
    timeout
        Seconds that one request may take.
    retries
        How often a request is repeated after a time-out, a closed connection or an HTTP state that may pass.
    counts
        What was sent is added to it: requests, retries, and the tokens that the server says it read and wrote.
    """

    def __init__(self, url: str, *, timeout: float, retries: int, connections: int, counts: Counter):
        self.url = without_credentials(url)
        self._retries = retries
        self._counts = counts
        self._lock = threading.Lock()
        self._giving_up = threading.Event()
        key = os.environ.get("OPENAI_API_KEY", "")
        https = urlsplit(url).scheme == "https"
        try:
            self._client = httpx2.Client(
                base_url=url.rstrip("/") + "/",
                headers={"Authorization": f"Bearer {key}"} if key and "@" not in urlsplit(url).netloc else {},
                timeout=timeout,
                limits=httpx2.Limits(max_connections=connections),
                verify=https,  # reading certificates takes a while
                trust_env=urlsplit(url).hostname not in _LOCAL,  # a proxy of the environment knows no local server
            )
        except httpx2.InvalidURL as error:
            raise UserError(
                f"{self.url} is no URL of a server ({_first_line(error)}); write http://HOST:PORT/v1#MODEL."
            ) from error

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
        trouble = ""
        for attempt in range(self._retries + 1):
            pause = _FIRST_PAUSE * 2**attempt * random.uniform(0.5, 1.5)
            self._count(requests=1, retries=int(attempt > 0))
            try:
                response = self._client.request(method, path, json=body)
            except httpx2.ConnectError as error:
                if not self._counts["answers"]:
                    raise UserError(
                        f"no server answers at {self.url} ({_first_line(error)}); start it, or check the URL."
                    ) from error
                trouble = f"could not be reached {_times(attempt + 1)} ({_first_line(error)})"
            except httpx2.TimeoutException:
                trouble = f"did not answer in time {_times(attempt + 1)} ({self._client.timeout.read:g} s each)"
            except httpx2.TransportError as error:
                trouble = f"closed the connection {_times(attempt + 1)} ({_first_line(error)})"
            else:
                self._count(answers=1)
                if response.status_code not in _PASSING or _NO_LOGPROBS.search(_said(response)):
                    return self._read(response)
                trouble = f"answered HTTP {response.status_code} {_times(attempt + 1)}, saying: {_said(response)}"
                pause = max(pause, _retry_after(response))
            if attempt == self._retries or self._giving_up.wait(min(pause, _LONGEST_PAUSE)):
                break
        raise UserError(
            f"server {self.url} {trouble}; see to the server: the same command goes on where this one stopped."
        )

    def _read(self, response: httpx2.Response) -> dict:
        said = _said(response)
        answer = _json(response)
        failed = response.is_error or bool(answer.get("error"))
        if failed and _TOO_LONG.search(said):
            raise ContextExceededError(f"the prompt is longer than what server {self.url} reads: {said}")
        if failed and "logits_all" in said:
            raise Refusal(
                f"server {self.url} gives no log-probabilities ({said}); start it with an option that enables them "
                "(llama-cpp-python: --logits_all true)."
            )
        if response.status_code in (401, 403):
            raise Refusal(
                f"server {self.url} answered HTTP {response.status_code}, saying: {said}; put its key into the "
                "environment variable OPENAI_API_KEY."
            )
        if failed:
            hint = "; does the URL end in /v1, and is this a completions server?" if response.status_code == 404 else ""
            raise Refusal(f"server {self.url} answered HTTP {response.status_code}, saying: {said}{hint}")
        if not answer:
            raise Refusal(
                f"server {self.url} answered with what is no JSON object ({said}); check that the URL is the "
                "root of an OpenAI-compatible API, such as http://127.0.0.1:8000/v1."
            )
        usage = answer.get("usage")
        if isinstance(usage, dict):
            known = {name: usage.get(name) for name in ("prompt_tokens", "completion_tokens")}
            self._count(**{name: count for name, count in known.items() if isinstance(count, int)})
        return answer

    def _count(self, **counts: int) -> None:
        with self._lock:
            self._counts.update(counts)


def without_credentials(url: str) -> str:
    """Return the URL as it may be shown and recorded."""
    scheme, _, rest = url.rstrip("/").partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def _json(response: httpx2.Response) -> dict:
    """Return the answer's JSON object; empty where it is none."""
    try:
        answer = response.json()
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _said(response: httpx2.Response) -> str:
    """Return the first line of what the server said, its error message where it has one."""
    answer = _json(response)
    error = answer.get("error", answer.get("detail", answer.get("message")))
    if isinstance(error, dict):
        error = error.get("message", json.dumps(error))
    lines = str(error or response.text or response.reason_phrase).strip().splitlines() or ["nothing"]
    line = lines[0] if len(lines[0]) <= _SAID_CHARACTERS else lines[0][:_SAID_CHARACTERS] + "…"
    return line.rstrip(".")


def _retry_after(response: httpx2.Response) -> float:
    """Seconds that the server asks for; 0 where it names none, or a date."""
    try:
        return max(0.0, float(response.headers.get("Retry-After", 0)))
    except ValueError:
        return 0.0


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
