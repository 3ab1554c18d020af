"""What a completions server's reply means: an answer, something that may pass, or a refusal in one sentence."""

import json
import re
from urllib.parse import urljoin

import httpx2

from icl.errors import UserError
from probes.scorers.completions_client import KEY
from probes.scorers.server_address import read_address, without_credentials

__all__ = ["ContextExceededError", "Refusal", "json_object", "may_pass", "refusal_of", "said"]

_PASSING = frozenset({408, 425, 429, *range(500, 600)})
"""HTTP states that may be gone when the same is asked again."""

_BUSY = re.compile(
    r"overload|busy|capacity|exhausted|try again|temporar|unavailable|rate.?limit|too many requests|time(d|-)? ?out"
    r"|queue|loading|warming|bad gateway|internal (server )?error|server_error",
    re.IGNORECASE,
)
"""Words of an error that may pass, in a reply whose HTTP state says that all is well."""

_LASTING = re.compile(
    r"logits_all|logprob|echo|support|invalid|must|not allowed|unknown|not found|api key|quota", re.IGNORECASE
)
"""Words of an error that asking again does not change."""

_TOO_LONG = re.compile(
    r"context[ _](length|size|window)|context_length_exceeded|exceeds? .{0,40}(context|max_model_len)"
    r"|(prompt|input) (is )?too long|maximum (input|sequence|model) length",
    re.IGNORECASE,
)

_SAID_CHARACTERS, _READ_CHARACTERS = 200, 2000


class ContextExceededError(UserError):
    """The server says that a prompt is longer than what its model reads."""


class Refusal(UserError):
    """The server refuses a request for good: HTTP 4xx, or an answer that is none."""


def may_pass(response: httpx2.Response, *, needs: str, has_answered: bool) -> bool:
    """Say whether the same request may be answered when it is sent again.

    Some servers, and gateways before them, send HTTP 200 with an error, a page, nothing, or half an answer.

    Parameters
    ----------
    needs
        The entry that an answer has.
    has_answered
        Whether the server has answered such a request before: then an answer that is none is no wrong URL.
    """
    told = said(response)
    if _TOO_LONG.search(told):
        return False
    if response.status_code in _PASSING:
        return not re.search("logits_all|logprobs", told, re.IGNORECASE)
    if not response.is_success:
        return False
    answer, text = json_object(response), response.text.strip()
    if not answer:
        is_cut = not text or (text.startswith("{") and text != "{}")
        return is_cut or has_answered or bool(_BUSY.search(text[:_READ_CHARACTERS]))
    if not _has_failed(answer, needs):
        return False
    error = _error(answer)
    codes = (error.get("code"), error.get("status")) if isinstance(error, dict) else (answer.get("code"),)
    if any(str(code).isdigit() and int(str(code)) in _PASSING for code in codes) or _BUSY.search(json.dumps(error)):
        return True
    return has_answered and not _LASTING.search(told)


def refusal_of(response: httpx2.Response, url: str, *, needs: str) -> UserError | None:
    """Return what is wrong with a reply that will not pass; None where it is an answer.

    Parameters
    ----------
    url
        Root of the API, as it may be shown.
    needs
        The entry that an answer has.
    """
    told, answer, status = said(response), json_object(response), response.status_code
    failed = response.is_error or (bool(answer) and _has_failed(answer, needs))
    if response.is_redirect:
        return Refusal(f"server {url} redirects to another address; write {_redirected(response, url)}.")
    if failed and _TOO_LONG.search(told):
        return ContextExceededError(f"the prompt is longer than what server {url} reads: {told}")
    if failed and "logits_all" in told:
        return Refusal(
            f"server {url} gives no log-probabilities ({told}); start it with an option that enables them "
            "(llama-cpp-python: --logits_all true)."
        )
    if status in (401, 403):
        return Refusal(
            f"server {url} answered HTTP {status}, saying: {told}; put its key into the environment variable {KEY}."
        )
    if status == 404 and re.search(r"\bmodel\b", told, re.IGNORECASE):
        return Refusal(f"server {url} answered HTTP 404, saying: {told}; name one of its models: {url}#MODEL.")
    if failed:
        hint = f"; is this a completions server, and is its root {_likely_root(url)}?" if status in (404, 405) else ""
        return Refusal(f"server {url} answered HTTP {status}, saying: {told}{hint or '.'}")
    if not answer:
        return Refusal(
            f"server {url} answered with something other than a JSON object ({told}); check that the URL is the root "
            "of an OpenAI-compatible API, such as http://127.0.0.1:8000/v1."
        )
    return None


def json_object(response: httpx2.Response) -> dict:
    """Return the answer's JSON object; empty where it is none."""
    try:
        answer = response.json()
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def said(response: httpx2.Response) -> str:
    """Return the first line of what the server said, its error message where it has one."""
    error = _error(json_object(response))
    if isinstance(error, dict):
        error = error.get("message", json.dumps(error))
    lines = str(error or response.text or response.reason_phrase).strip().splitlines() or ["nothing"]
    line = lines[0] if len(lines[0]) <= _SAID_CHARACTERS else lines[0][:_SAID_CHARACTERS] + "…"
    return line.rstrip(".")


def _error(answer: dict) -> object:
    return next((told for name in ("error", "detail", "message") if (told := answer.get(name))), "")


def _has_failed(answer: dict, needs: str) -> bool:
    """Say whether an object is an error: it has one, or lacks what it should have and says something instead."""
    return bool(answer.get("error")) or (needs not in answer and bool(_error(answer)))


def _likely_root(url: str) -> str:
    return url if re.search(r"/v\d+$", url) else f"{url}/v1"


def _redirected(response: httpx2.Response, url: str) -> str:
    """Return the root that a redirection leads to."""
    target = urljoin(str(response.request.url), response.headers.get("Location", ""))
    try:
        return without_credentials(read_address(target).root)
    except UserError:
        return f"the address that answers in place of {url}"
