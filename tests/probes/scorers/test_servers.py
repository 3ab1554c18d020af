"""How a completions server is named, reached and waited for: addresses, proxies, keys, certificates, replies."""

import socket
import sys
from dataclasses import replace

import pytest
from toy_server import fails, sends, serving

from icl.errors import UserError
from icl.tasks.builtin import BUILTIN_TASKS
from probes.runs.experiment import Experiment
from probes.runs.opening import create_run
from probes.scorers.catalogue import make_scorer
from probes.scorers.completions import CompletionsScorer
from probes.scorers.server_address import is_loopback, read_address, refuse_misspelt_address, without_credentials

_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setattr("probes.scorers.completions_http._FIRST_PAUSE", 0.001)
    for name in (*_PROXIES, *map(str.upper, _PROXIES), "OPENAI_API_KEY", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def closed_port() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield str(taken.getsockname()[1])


def refusal(url: str, **options) -> str:
    with pytest.raises(UserError) as caught:
        CompletionsScorer(url, retries=0, timeout=2.0, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("written", "root", "model"),
    [
        ("HTTP://127.0.0.1:8000/v1/", "http://127.0.0.1:8000/v1", ""),
        (" http://h/v1//#a/b ", "http://h/v1", "a/b"),
        ("http://h:80/v1/completions#@cf/x", "http://h:80/v1", "@cf/x"),
        ("https://h/api/v1/chat/completions/", "https://h/api/v1", ""),
        ("http://[::1]:8000/v1/models", "http://[::1]:8000/v1", ""),
        ("http://me:pw@h/v1", "http://me:pw@h/v1", ""),
    ],
)
def test_an_address_is_read_with_what_people_leave_at_its_ends(written, root, model):
    address = read_address(written)
    assert (address.root, address.model) == (root, model)


@pytest.mark.parametrize(
    "written",
    [
        *("http://[::1/v1", "http://h:99999/v1", "http://h:-1/v1", "http://h:x/v1", "http:///v1", "http://.../v1"),
        *("http://a b/v1", "http://h/v1\x00", "http://me:se/cret@h/v1", "http://me:se#cret@h/v1"),
        *("http://h/v1?key=secret", "http://" + "a" * 300 + "/v1"),
    ],
)
def test_what_is_no_address_is_one_sentence_without_secrets(written):
    with pytest.raises(UserError, match=r"is not the URL of a server.*write http://HOST:PORT/v1#MODEL") as caught:
        read_address(written)
    assert not any(secret in str(caught.value) for secret in ("cret", "se/", "'se'"))


@pytest.mark.parametrize(
    ("written", "advised"),
    [
        ("127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
        ("127.0.0.1:8000/v1#a/b", "http://127.0.0.1:8000/v1#a/b"),
        ("localhost:8000", "http://localhost:8000/v1"),
        ("localhost/v1", "http://localhost/v1"),
        ("[::1]:8000", "http://[::1]:8000/v1"),
        ("http:/127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
        ("https:h.example/v1", "https://h.example/v1"),
        ("http//h:8000/v1/completions", "http://h:8000/v1"),
        ("api.example.com/v1", "https://api.example.com/v1"),
        ("gpu-box:8000", "http://gpu-box:8000/v1"),
        ("ftp://h/v1", "http://h/v1"),
        ("me:pw@127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
    ],
)
def test_an_address_without_its_scheme_is_no_hub_name(written, advised):
    with pytest.raises(UserError) as caught:
        make_scorer(written, BUILTIN_TASKS["sentiment"]())
    assert str(caught.value) == f"'{without_credentials(written)}' is not the URL of a server; write {advised}."
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("name", ["openai-community/gpt2", "gpt2", "meta-llama/Llama-3.1-8B", "./a/b", "C:\\models\\x"])
def test_other_names_are_no_addresses(name):
    refuse_misspelt_address(name)


def test_every_address_of_this_machine_is_known():
    local = ("127.0.0.1", "127.0.0.2", "127.1", "0.0.0.0", "0", "::1", "::", "::ffff:127.0.0.1", "::1%lo")
    assert all(map(is_loopback, (*local, "localhost", "LocalHost.", "a.localhost")))
    assert not any(map(is_loopback, ("10.0.0.1", "192.168.0.1", "fe80::1", "example.com", "localhost.example.com")))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.2", "0.0.0.0"])
def test_a_server_of_this_machine_is_reached_without_the_proxy(host, closed_port, monkeypatch):
    if host in ("127.0.0.2", "0.0.0.0") and sys.platform != "linux":
        pytest.skip("this system gives its own address one number only")
    for name in ("HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port}")
    with serving("vllm", host="127.0.0.2" if host == "127.0.0.2" else "127.0.0.1") as server:
        url = f"http://{host}:{server.server_address[1]}/v1"
        assert CompletionsScorer(url).name == "toy"


def test_a_failure_behind_a_proxy_names_the_proxy_and_no_password(closed_port, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", f"http://me:secret@127.0.0.1:{closed_port}")
    told = refusal("http://198.51.100.1/v1")
    assert "cannot be reached through the proxy that HTTP_PROXY names" in told
    assert "set NO_PROXY=198.51.100.1" in told
    assert "secret" not in told


def test_a_proxy_that_fails_later_is_named(monkeypatch):
    with serving("vllm") as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.removesuffix("/v1"))
        scorer = CompletionsScorer("http://198.51.100.1/v1", retries=1)
        proxy.faults.extend([fails(503), fails(502)])
        with pytest.raises(
            UserError, match=r"asked through the proxy that http_proxy names, answered HTTP 502 2 times"
        ):
            scorer.check([])


@pytest.mark.parametrize(
    ("name", "proxy", "message"),
    [
        (
            "ALL_PROXY",
            "socks5://me:secret@127.0.0.1:9",
            "the proxy in ALL_PROXY is a SOCKS proxy, which needs the pack",
        ),
        ("HTTP_PROXY", "ftp://me:secret@127.0.0.1:9", "the proxy in HTTP_PROXY is not the URL of a proxy"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_one_sentence(name, proxy, message, monkeypatch):
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv(name, proxy)
    told = refusal("http://198.51.100.1/v1")
    assert told.startswith(message)
    assert "secret" not in told


@pytest.mark.parametrize(
    ("key", "what"),
    [
        ("sk-ключ", "character 4 of 7 is no plain letter"),
        ("clé", "character 3 of 3 is no plain letter"),
        ("sk\n", "character 3 of 3 is a line break"),
        ("sk key", "character 3 of 6 is a space"),
        ("sk\x7f", "character 3 of 3 is a control character"),
    ],
)
def test_a_key_that_no_header_carries_is_one_sentence_that_does_not_show_it(key, what, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    told = refusal("http://127.0.0.1:9/v1")
    assert f"the key in the environment variable OPENAI_API_KEY cannot be sent: its {what}" in told
    assert "sk" not in told.replace("asks", "")
    assert "cl" not in told


def test_certificates_that_cannot_be_read_are_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "nowhere"))
    assert "there are no certificates at" in refusal("https://127.0.0.1:9/v1")
    monkeypatch.delenv("SSL_CERT_DIR")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nowhere.pem"))
    assert "which the environment variable SSL_CERT_FILE names" in refusal("https://127.0.0.1:9/v1")
    (tmp_path / "nowhere.pem").write_text("no certificate", encoding="utf-8")
    assert "the certificates that SSL_CERT_FILE names cannot be read" in refusal("https://127.0.0.1:9/v1")
    refusal("http://127.0.0.1:9/v1")  # no certificate is needed there


def test_a_server_without_tls_is_one_sentence():
    with serving("vllm") as server:
        told = refusal(server.url.replace("http:", "https:"))
    assert "opens no TLS connection" in told
    assert "write http://" in told


def test_a_redirection_names_the_address_to_write():
    with serving("vllm", models=()) as server:
        scorer = CompletionsScorer(f"{server.url}#toy")
        server.faults.extend([sends("", 308, Location="https://me:pw@example.com/v1/completions")] * 20)
        with pytest.raises(UserError, match=r"redirects to another address; write https://example\.com/v1\.$"):
            scorer.check([])


BUSY_REPLIES = [
    sends({"error": {"message": "the model is overloaded", "type": "overloaded_error"}}),
    sends({"error": "Please try again later"}),
    sends({"error": {"message": "oops", "code": 503}}),
    sends({"detail": "Too many requests"}),
    sends({"object": "error", "message": "the queue is full", "code": 50003}),
    sends("<html><h1>503 Service Temporarily Unavailable</h1></html>"),
    sends(""),
    sends('{"choices": [{"text": "re'),
]


@pytest.mark.parametrize("reply", BUSY_REPLIES)
def test_a_reply_that_says_all_is_well_and_is_none_is_waited_out(reply):
    with serving("vllm") as server:
        scorer = CompletionsScorer(server.url)
        server.faults.append(reply)
        scorer.check([])
        assert scorer.reading()["retries"] == 1


def test_what_only_an_answering_server_may_send_is_waited_out_once_it_has_answered():
    with serving("llama.cpp") as server:
        scorer = CompletionsScorer(server.url)
        server.faults.extend([_answers, sends("<html>Welcome!</html>"), _answers, sends({"error": "CUDA error"})])
        scorer.check([])
        assert scorer.reading()["retries"] == 2


def _answers(handler) -> bool:
    return False


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (sends({"error": "logprobs is not supported"}), "saying: logprobs is not supported"),
        (sends({"message": "no such call"}), "answered HTTP 200, saying: no such call"),
        (sends("<html>Welcome!</html>"), r"other than a JSON object \(<html>Welcome!"),
        (sends("null"), r"other than a JSON object \(null\)"),
        (sends({"detail": "Not Found"}, 404), r"saying: Not Found; is this a completions server, and is its root"),
        (sends({"error": "model 'x' not found"}, 404), r"name one of its models: http://.*/v1#MODEL"),
    ],
)
def test_a_reply_that_asking_again_does_not_change_is_refused_at_once(reply, message):
    with serving("vllm") as server:
        scorer = CompletionsScorer(server.url)
        server.faults.extend([reply] * 20)
        with pytest.raises(UserError, match=message):
            scorer.check([])
        assert scorer.reading()["retries"] == 0


def test_a_root_without_its_version_is_advised():
    with serving("vllm", models=()) as server:
        scorer = CompletionsScorer(server.url.removesuffix("/v1"))
        server.faults.extend([sends({"detail": "Not Found"}, 404)] * 20)
        with pytest.raises(UserError, match=rf"is its root {server.url}\?"):
            scorer.check([])


def test_a_servers_password_is_kept_in_no_file_and_shown_in_no_message(tmp_path):
    url = "http://me:secret@127.0.0.1:8000/v1#toy"
    experiment = Experiment(models=(url,), task="sentiment", probes=("shots",))
    create_run(tmp_path / "run", experiment)
    assert "secret" not in (tmp_path / "run" / "experiment.toml").read_text(encoding="utf-8")
    create_run(tmp_path / "run", experiment)  # the same experiment
    with pytest.raises(UserError, match=r"models was http://127\.0\.0\.1:8000/v1#toy, now") as caught:
        create_run(tmp_path / "run", replace(experiment, models=("http://me:secret@h/v1",)))
    assert "secret" not in str(caught.value)
