"""A completions server of a toy model whose log-probabilities are known, in the dialects that real servers speak."""

import json
import math
import string
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PIECES = (" red", " green", " bl", "ue", *string.printable)
"""The toy's vocabulary; texts are cut greedily, the longest piece first. ' blue' has two tokens."""

START = "<s>"


def cut(text: str) -> list[str]:
    """Cut a text into tokens."""
    tokens = []
    while text:
        tokens.append(max((piece for piece in PIECES if text.startswith(piece)), key=len))
        text = text[len(tokens[-1]) :]
    return tokens


@cache
def logprobs_behind(token: str) -> dict[str, float]:
    """A bigram model: nats of each next token behind `token`."""
    previous = PIECES.index(token) if token in PIECES else 1
    weights = {piece: (5 * previous + 3 * index) % 17 / 4 for index, piece in enumerate(PIECES)}
    total = math.log(sum(math.exp(weight) for weight in weights.values()))
    return {piece: weight - total for piece, weight in weights.items()}


@cache
def likeliest(token: str, number: int) -> dict[str, float]:
    behind = logprobs_behind(token)
    return dict(sorted(behind.items(), key=lambda pair: -pair[1])[:number])


class ToyServer(ThreadingHTTPServer):
    """Speaks one dialect; `faults` are applied to the next requests for completions, one each."""

    daemon_threads = True

    def __init__(self, dialect: str, models: tuple[str, ...], context: int, host: str):
        super().__init__((host, 0), _Handler)
        self.dialect, self.models, self.context = dialect, models, context
        self.faults: deque[Callable[[_Handler], bool]] = deque()
        self.asked: list[dict] = []
        self.keys: set[str | None] = set()
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://{self.server_address[0]}:{self.server_address[1]}/v1"

    def handle_error(self, request, client_address) -> None:
        """Clients may hang up."""


class _Handler(BaseHTTPRequestHandler):
    server: ToyServer
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet an answer: two would each wait for the other side

    def log_message(self, *args) -> None:
        """Be quiet."""

    def send(self, status: int, body: dict | str, **headers: str) -> None:
        raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(raw)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(raw)

    def do_GET(self) -> None:
        self.server.keys.add(self.headers.get("Authorization"))
        if not self.server.models:
            self.send(404, {"detail": "Not Found"})
        else:
            self.send(
                200, {"data": [{"id": name, "owned_by": "tests", "created": id(self)} for name in self.server.models]}
            )

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.keys.add(self.headers.get("Authorization"))
        self.server.asked.append(body)
        if self.server.faults and self.server.faults.popleft()(self):
            return
        tokens = cut(body["prompt"]) or [START]
        if len(tokens) > self.server.context:
            said = f"This model's maximum context length is {self.server.context} tokens, got {len(tokens)}"
            self.send(400, {"error": {"message": said}})
            return
        status, answer = DIALECTS[self.server.dialect](body, tokens)
        if isinstance(answer, dict) and "choices" in answer:
            answer["usage"] = {"prompt_tokens": len(tokens), "completion_tokens": 1}
        self.send(status, answer)


def openai(body: dict, tokens: list[str], *, most: int = 5, start: tuple[str, ...] = ()) -> tuple[int, dict]:
    """Lists of tokens, their log-probabilities and the likeliest; repeats the prompt if asked to."""
    number = body["logprobs"]
    if number > most:
        return 400, {"error": {"message": f"logprobs must be at most {most}", "type": "invalid_request_error"}}
    chosen = next(iter(likeliest(tokens[-1], 1)))
    shown = [*start, *tokens, chosen] if body.get("echo") else [chosen]
    before = ["", *start, *tokens] if body.get("echo") else [tokens[-1]]
    values = [logprobs_behind(b)[token] if b else None for b, token in zip(before, shown)]
    tops = [likeliest(b, number) | {token: value} if b else None for b, token, value in zip(before, shown, values)]
    logprobs = {"tokens": shown, "token_logprobs": values, "top_logprobs": tops}
    text = "".join([*tokens, chosen]) if body.get("echo") else chosen
    return 200, {"choices": [{"text": text, "logprobs": logprobs}]}


def vllm(body: dict, tokens: list[str]) -> tuple[int, dict]:
    """The same with a token for the start of the text, and twenty of the likeliest."""
    return openai(body, tokens, most=20, start=(START,))


def off_by_one(body: dict, tokens: list[str]) -> tuple[int, dict]:
    """Gives an echoed token the log-probability that it would have once more, behind itself."""
    status, answer = openai(body, tokens, most=10_000)
    if body.get("echo") and status == 200:
        logprobs = answer["choices"][0]["logprobs"]
        logprobs["token_logprobs"] = [None, *(logprobs_behind(token)[token] for token in logprobs["tokens"][1:])]
    return status, answer


def llama_cpp(body: dict, tokens: list[str]) -> tuple[int, dict]:
    """Records with bytes, of generated tokens only; echo is ignored."""
    top = [
        {"token": piece, "bytes": list(piece.encode()), "logprob": value}
        for piece, value in likeliest(tokens[-1], body["logprobs"]).items()
    ]
    return 200, {"choices": [{"text": top[0]["token"], "logprobs": {"content": [{**top[0], "top_logprobs": top}]}}]}


type Top = dict[str, float | None]


def told(change: Callable[[Top, dict], Top] = lambda top, body: top, *, most: int = 20, chosen: int = 0):
    """Lists of generated tokens only, so many of the likeliest at most, as `change` makes them of the model's own.

    `chosen` is the rank of the token that was sampled; it is told beside the likeliest, as OpenAI's servers do.
    """

    def dialect(body: dict, tokens: list[str]) -> tuple[int, dict]:
        if body["logprobs"] > most:
            return 400, {"error": {"message": f"logprobs must be at most {most}"}}
        every = logprobs_behind(tokens[-1])
        top = change(dict(likeliest(tokens[-1], body["logprobs"])), body)
        token = sorted(every, key=lambda piece: -every[piece])[chosen]
        value = top.setdefault(token, every[token])
        logprobs = {"tokens": [token], "token_logprobs": [value], "top_logprobs": [top]}
        return 200, {"choices": [{"text": token, "logprobs": logprobs}]}

    return dialect


def greedy(others: float | None = -math.inf, *, always: bool = True) -> Callable[[Top, dict], Top]:
    """What sampling leaves at temperature 0: all probability on the likeliest token; `always`: at others as well."""

    def change(top: Top, body: dict) -> Top:
        if body["temperature"] and not always:
            return top
        best = max(top, key=top.__getitem__)
        return {piece: 0.0 if piece == best else others for piece in top}

    return change


def only_chosen(top: Top, body: dict) -> Top:
    best = max(top, key=top.__getitem__)
    return {best: 0.0}


def renormalised(number: int, left_out: float | None = None) -> Callable[[Top, dict], Top]:
    """What sampling among the `number` likeliest leaves; the others are told as `left_out`, or not at all."""

    def change(top: Top, body: dict) -> Top:
        kept = sorted(top, key=lambda piece: -top[piece])[:number]
        total = math.log(sum(math.exp(top[piece]) for piece in kept))
        others = {} if left_out is None else dict.fromkeys(top, left_out)
        return others | {piece: top[piece] - total for piece in kept}

    return change


def heated(top: Top, body: dict) -> Top:
    """What temperature 1/2 makes of the likeliest, without a word of temperature in the request heeded at 1."""
    if body["temperature"]:
        return top
    total = math.log(sum(math.exp(2 * value) for value in top.values()))
    return {piece: 2 * value - total for piece, value in top.items()}


def logits(top: Top, body: dict) -> Top:
    return {piece: value + 20 for piece, value in top.items()}


def valued(values: dict[str, float | None]) -> Callable[[Top, dict], Top]:
    """The model's own, but for some tokens."""
    return lambda top, body: {piece: values.get(piece, value) for piece, value in top.items()}


def sometimes(change: Callable[[Top, dict], Top]) -> Callable[[Top, dict], Top]:
    """Apply it behind every other text."""
    return lambda top, body: change(top, body) if len(body["prompt"]) % 2 else top


def likelier_colour(prompt: str) -> str:
    """The one of two colours that the dialect "one colour" tells; the other is not among the likeliest."""
    return " red" if zlib.crc32(prompt.encode()) % 2 else " green"


def one_colour(body: dict, tokens: list[str]) -> tuple[int, dict]:
    """Five of the likeliest tokens, one of two colours last among them: the other lies below it."""
    if body["logprobs"] > 5:
        return 400, {"error": {"message": "logprobs must be at most 5"}}
    tops = [{" bl": -0.9, "x": -1.5, "y": -2.0, "z": -2.5, likelier_colour(body["prompt"]): -3.0}]
    return 200, {"choices": [{"logprobs": {"tokens": [" bl"], "token_logprobs": [-0.9], "top_logprobs": tops}}]}


def greedy_behind_echo(body: dict, tokens: list[str], *, whole: bool = False) -> tuple[int, dict]:
    """Echoes the model's own, but generates what temperature 0 leaves; `whole`: the echo is changed as well."""
    status, answer = openai(body, tokens)
    if status == 200 and not body["temperature"]:
        logprobs = answer["choices"][0]["logprobs"]
        places = range(1 if body.get("echo") else 0, len(logprobs["tokens"]))
        before = ["", *tokens] if body.get("echo") else [tokens[-1]]
        for place in places if whole else [places[-1]]:
            best = next(iter(likeliest(before[place], 1)))
            logprobs["token_logprobs"][place] = 0.0 if logprobs["tokens"][place] == best else -math.inf
            top = logprobs["top_logprobs"][place]
            logprobs["top_logprobs"][place] = {piece: 0.0 if piece == best else -math.inf for piece in top}
    return status, answer


def silent(body: dict, tokens: list[str]) -> tuple[int, dict]:
    return 200, {"choices": [{"text": "x", "logprobs": None}]}


def without_logits(body: dict, tokens: list[str]) -> tuple[int, dict]:
    return 500, {"error": {"message": "logprobs is not supported for models created with logits_all=False"}}


def page(body: dict, tokens: list[str]) -> tuple[int, str]:
    return 200, "<html>\nWelcome!"


def locked(body: dict, tokens: list[str]) -> tuple[int, dict]:
    return 401, {"error": {"message": "no valid key."}}


DIALECTS = {
    "openai": openai,
    "vllm": vllm,
    "off by one": off_by_one,
    "llama.cpp": llama_cpp,
    "silent": silent,
    "without logits": without_logits,
    "page": page,
    "top 5": told(most=5),
    "top 1": told(most=1),
    "top 5 and sampled": told(most=5, chosen=60),
    "greedy": told(greedy()),
    "greedy at 0": told(greedy(always=False)),
    "greedy, -1e30": told(greedy(-1e30)),
    "greedy, -9999": told(greedy(-9999.0)),
    "greedy, null": told(greedy(None)),
    "greedy, alone": told(only_chosen),
    "greedy, top 1": told(greedy(), most=1),
    "top-k": told(renormalised(10)),
    "top-k, -inf": told(renormalised(10, -math.inf)),
    "heated": told(heated),
    "logits": told(logits),
    "all zero": told(valued(dict.fromkeys(PIECES, 0.0))),
    "all -1e30": told(valued(dict.fromkeys(PIECES, -1e30))),
    "padded": told(valued(dict.fromkeys(string.whitespace, -math.inf)), most=10_000),
    "green is null": told(sometimes(valued({" green": None})), most=5000),
    "green is -inf": told(sometimes(valued({" green": -math.inf})), most=5000),
    "all -inf": told(sometimes(valued(dict.fromkeys(PIECES, -math.inf))), most=5000),
    "one colour": one_colour,
    "greedy behind echo": greedy_behind_echo,
    "greedy, echo too": partial(greedy_behind_echo, whole=True),
    "locked": locked,
}


def fails(status: int = 500, **headers: str) -> Callable[[_Handler], bool]:
    """A fault: an HTTP state with a message."""

    def apply(handler: _Handler) -> bool:
        handler.send(status, {"error": {"message": "out of\nmemory"}}, **headers)
        return True

    return apply


def sends(body: dict | str, status: int = 200, **headers: str) -> Callable[[_Handler], bool]:
    """A fault: a reply that is no completion."""

    def apply(handler: _Handler) -> bool:
        handler.send(status, body, **headers)
        return True

    return apply


def hangs_up(handler: _Handler) -> bool:
    """A fault: the connection is closed without an answer."""
    handler.close_connection = True
    return True


def never_answers(handler: _Handler) -> bool:
    """A fault: nothing comes until the server stops."""
    handler.server.released.wait()
    return hangs_up(handler)


@contextmanager
def serving(
    dialect: str, *, models: tuple[str, ...] = ("folder/toy.gguf",), context: int = 10_000, host: str = "127.0.0.1"
) -> Iterator[ToyServer]:
    """Run a toy server in a thread."""
    with ToyServer(dialect, models, context, host) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.released.set()
            server.shutdown()
            thread.join()
