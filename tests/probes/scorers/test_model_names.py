"""Models that cannot be found or loaded: each is one sentence that says what to do."""

import shutil
import socket

import httpx2
import pytest
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from icl.errors import UserError
from probes.scorers.huggingface import HuggingFaceScorer
from probes.scorers.huggingface_failures import hub_is_reachable
from probes.scorers.huggingface_source import find_model


@pytest.mark.parametrize("name", ["nobody/nothing", "gpt2", "gpt2-large"])
def test_a_hub_model_without_network_is_one_sentence(name):
    with pytest.raises(UserError) as caught:
        HuggingFaceScorer(name)
    assert str(caught.value) == (
        f"'{name}' is not on this machine, and the Hugging Face Hub cannot be reached (HF_HUB_OFFLINE is set); check "
        "the network and the name (probe list models names what is shipped), or name a local folder or .gguf file."
    )


@pytest.mark.parametrize(
    ("cause", "said", "message"),
    [
        (
            GatedRepoError,
            "You are trying to access a gated repo.\nMake sure",
            "is gated on the .*set .* HF_TOKEN",
        ),
        (RepositoryNotFoundError, "a/b is not a local folder\nIf this", "the Hugging Face Hub has no public model of"),
        (
            RevisionNotFoundError,
            "v9 is not a valid git identifier",
            "has no revision 'v9' .*leave --revision out",
        ),
        (
            httpx2.ConnectError,
            "We couldn't connect to\nCheck",
            r"Face Hub cannot be reached \(no network\)",
        ),
        (LocalEntryNotFoundError, "We couldn't connect to\nCheck", "check the network and the name"),
        (None, "a/b does not appear to have a file named config.json. Checkout", "holds no configuration that Transf"),
        (None, "Unrecognized model", r"could not be loaded \(configuration: Unrecognized model\); check the name"),
    ],
)
def test_what_the_hub_refuses_is_one_sentence(cause, said, message, monkeypatch):
    def fail(*_, **__):
        request = httpx2.Request("HEAD", "https://huggingface.co/a/b")
        if cause is None:
            raise OSError(said)
        if issubclass(cause, HfHubHTTPError):
            raise OSError(said) from cause("refused", response=httpx2.Response(401, request=request))
        raise OSError(said) from cause("refused")

    monkeypatch.setattr("probes.scorers.huggingface.AutoConfig.from_pretrained", fail)
    monkeypatch.setattr("probes.scorers.huggingface.hub_is_reachable", lambda: True)
    monkeypatch.setattr("probes.scorers.huggingface_failures.hub_is_reachable", lambda: True)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    with pytest.raises(UserError, match=message) as caught:
        HuggingFaceScorer("a/b", revision="v9")
    assert "\n" not in str(caught.value)


def test_the_hub_is_asked_only_where_it_can_be_reached(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with socket.create_server(("127.0.0.1", 0)) as hub:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{hub.getsockname()[1]}")
        assert hub_is_reachable.__wrapped__()
    assert not hub_is_reachable.__wrapped__()
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert hub_is_reachable.__wrapped__()  # only the proxy knows


def test_paths_that_are_no_model_say_what_is_there(tmp_path):
    (tmp_path / "quantised").mkdir()
    (tmp_path / "quantised" / "x.Q4.gguf").write_bytes(b"")
    with pytest.raises(UserError, match=r"config\.json is missing; name its file .*x\.Q4\.gguf"):
        find_model(str(tmp_path / "quantised"))
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(UserError, match="is a file, not a model; name the folder that holds it"):
        find_model(str(tmp_path / "model.safetensors"))
    for name in ("x" * 5000, "~nobody-of-that-name/x", "", "a/b/c"):
        with pytest.raises(UserError, match="no model '"):
            find_model(name)


def test_damaged_weights_are_one_sentence(tiny_lm, tmp_path, colours):
    shutil.copytree(tiny_lm, tmp_path / "damaged")
    (tmp_path / "damaged" / "model.safetensors").write_bytes(b"\xff" * 100)
    scorer = HuggingFaceScorer(str(tmp_path / "damaged"))
    with pytest.raises(UserError, match=r"could not be loaded \(weights: .*\); check the files in"):
        scorer.load()
