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
    names = ("gpt-5-nano", "nobody", "mine")
    code, out, _ = run(monkeypatch, capsys, "prices", *names, "--set", "price.mine=[1,2]", "--json")
    nano, nobody, mine = json.loads(out)
    assert code == 0
    assert 0 < nano["cached"] < nano["prompt"] < nano["completion"] < 5
    assert "--set price.nobody=" in nobody["error"]
    assert (mine["prompt"], mine["completion"]) == (1.0, 2.0)


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
