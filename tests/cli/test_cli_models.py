"""`alma models`: servers, prices, and a check against a real server on this machine."""

import json

import pytest

from alma.cli.main import main
from alma.testing.server import LoopbackServer


def run(monkeypatch, capsys, *arguments):
    monkeypatch.setattr("sys.argv", ["alma", "models", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    told = capsys.readouterr()
    return end.value.code, told.out, told.err


def test_servers_are_listed_with_their_keys_state_and_never_their_keys(monkeypatch, capsys):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-1234567890")
    monkeypatch.delenv("OPENROUTER_API_KEY", raising=False)
    code, out, _ = run(monkeypatch, capsys, "list", "--json")
    rows = {row["name"]: row for row in json.loads(out)}
    assert code == 0
    assert rows["openai"]["key"] == "OPENAI_API_KEY is set"
    assert rows["openrouter"]["key"] == "OPENROUTER_API_KEY is not set"
    assert rows["vllm"]["key"] == "none needed"
    assert "canary" not in out


def test_prices_are_of_a_million_tokens_and_unknown_ones_say_what_to_do(monkeypatch, capsys):
    names = ("gpt-5-nano", "nobody", "mine", "local:smollm2")
    code, out, _ = run(monkeypatch, capsys, "prices", *names, "--set", "price.mine=[1,2]", "--json")
    nano, nobody, mine, local = json.loads(out)
    assert code == 0
    assert 0 < nano["cached"] < nano["prompt"] < nano["completion"] < 5
    assert "--set price.nobody=" in nobody["error"]
    assert (mine["prompt"], mine["completion"]) == (1.0, 2.0)
    assert (local["prompt"], local["completion"]) == (0.0, 0.0)


def test_a_check_makes_one_call_and_tells_what_it_shows(monkeypatch, capsys):
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    with LoopbackServer(lambda messages, body: '{"colour": "red"}') as server:
        arguments = ("check", "gpt-5-nano/low", "--base-url", server.base_url)
        code, out, _ = run(monkeypatch, capsys, *arguments, "--json")
        assert code == 0
        assert server.books.requests == 1
        found = json.loads(out)
        assert found["held_to_the_schema"]
        assert found["completion_tokens"] == server.books.completion_tokens
        assert found["usd"] > 0
        _, table, _ = run(monkeypatch, capsys, *arguments)
        assert "held to the schema" in table


def test_a_name_of_no_server_is_told_in_one_line(monkeypatch, capsys):
    code, _, err = run(monkeypatch, capsys, "check", "nowhere:x")
    assert code == 2
    assert err.count("\n") == 1
    assert "servers are openai" in err


def test_what_can_not_be_installed_or_run_here_is_one_line(monkeypatch, capsys):
    code, _, err = run(monkeypatch, capsys, "install", "gpt-5")
    assert (code, err) == (2, "alma: can't install 'gpt-5'; known: local\n")
    for name in ("local:gpt-5", "local:none.gguf"):
        code, _, err = run(monkeypatch, capsys, "check", name)
        assert code == 2
        assert len(err.splitlines()) == 1
        assert "alma models install local" in err or "smollm2" in err or "none.gguf" in err


def test_a_machine_without_weights_says_what_to_do(monkeypatch, capsys):
    from alma.experiments import plug_ins
    from alma.models.weights import Weights

    nothing = {name: Weights(f"no-{name}", "1", "", "x", "") for name in ("smollm2", "minilm")}
    monkeypatch.setattr(plug_ins, "WEIGHTS", nothing)
    rows = {row["name"]: row for row in json.loads(run(monkeypatch, capsys, "list", "--json")[1])}
    assert rows["local"]["key"].endswith("not installed: alma models install local")
    assert plug_ins.embedder("auto").name == "hashed@1"
    assert plug_ins.embedder("none") is None
    with pytest.raises(plug_ins.ConfigError, match="known: auto, none, minilm, hashed"):
        plug_ins.embedding_model("word2vec", plug_ins.model_settings(None, {}, 1))
