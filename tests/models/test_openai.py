"""The client against a server that speaks each dialect, and misbehaves."""

import asyncio
import time
from contextlib import asynccontextmanager

import pytest

from alma.models.contract import Message, Request
from alma.models.openai import OpenAIModel
from alma.models.prices import Price
from alma.models.servers import SERVERS, ModelName, ModelSettings
from alma.records import ConfigError, ProviderError
from alma.testing.loop import in_loop
from alma.testing.server import LoopbackServer, at_random, script
from alma.testing.server.mischief import PASSING

ASK = Request((Message("system", "be brief"), Message("user", "one two three")), 64)
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


def echo(messages, body):
    return f"you said {messages[-1]['content']}"


@asynccontextmanager
async def model(server, name="m/low", **settings):
    settings = {"prices": {"m": Price(1.0, 2.0, 0.5)}, "keys": {"OPENAI_API_KEY": "k"}, **settings}
    opened = OpenAIModel(ModelName.read(name), ModelSettings(server.base_url, **settings))
    try:
        yield opened
    finally:
        await opened.close()


@pytest.mark.parametrize("kind", PASSING)
@in_loop
async def test_what_may_pass_is_asked_again_and_paid_once(kind):
    with LoopbackServer(echo, mischief=script(kind, kind)) as server:
        async with model(server) as one:
            reply = await one.complete(ASK)
    assert (reply.text, reply.finish) == ("you said one two three", "stop")
    assert one.retries == 2
    books = server.books
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (5, 5)
    if kind != "empty":
        assert (books.requests, books.served) == (3, 1)


@pytest.mark.parametrize(
    ("kind", "finish"),
    [("refusal", "refusal"), ("filter", "refusal"), ("overflow", "overflow"), ("length", "length")],
)
@pytest.mark.parametrize("name", ["m", "responses:m"])
@in_loop
async def test_refusals_and_limits_are_answers(kind, finish, name):
    with LoopbackServer(echo, mischief=script(kind)) as server:
        async with model(server, name) as one:
            assert (await one.complete(ASK)).finish == finish
    assert server.books.requests == 1


@in_loop
async def test_a_server_that_never_answers_is_given_up():
    with LoopbackServer(echo, mischief=lambda number: "hang") as server:
        async with model(server, seconds=0.2, patience=1.0) as one:
            with pytest.raises(ProviderError, match=r"m/low: no answer in time; gave up after"):
                await one.complete(ASK)


@in_loop
async def test_a_late_answer_is_still_an_answer():
    with LoopbackServer(echo, delay=0.6) as server:
        async with model(server, seconds=5) as one:
            assert (await one.complete(ASK)).text.startswith("you said")
    assert server.books.requests == 1


@in_loop
async def test_an_account_without_credit_ends_at_once():
    with LoopbackServer(echo, mischief=lambda number: "quota") as server:
        async with model(server) as one:
            with pytest.raises(ProviderError, match="top up the account, then `alma resume`"):
                await one.complete(ASK)
    assert server.books.requests == 1


@in_loop
async def test_a_wrong_key_or_no_key_is_told_at_once():
    with LoopbackServer(echo, key="right") as server:
        async with model(server) as one:
            with pytest.raises(ConfigError, match="m/low: the server refuses the key"):
                await one.complete(ASK)
    with pytest.raises(ConfigError, match="gpt-5 needs a key: set OPENAI_API_KEY"):
        OpenAIModel(ModelName.read("gpt-5"), ModelSettings())


@in_loop
async def test_tokens_that_nobody_counted_are_estimated_and_said_so():
    with LoopbackServer(echo, mischief=script("no-usage")) as server:
        async with model(server) as one:
            reply = await one.complete(ASK)
    assert one.estimated == 1
    assert reply.usage.prompt_tokens > 0
    assert reply.usage.completion_tokens > 0


DIALECTS = {
    # server's name: dialect, cap, cached tokens, reasoning tokens, effort's place
    "openai": ("openai", "max_completion_tokens", 2, 2, "reasoning_effort"),
    "vllm": ("vllm", "max_tokens", 0, 0, "reasoning_effort"),
    "ollama": ("ollama", "max_tokens", 0, 0, "reasoning_effort"),
}


@pytest.mark.parametrize("server_name", DIALECTS)
@in_loop
async def test_each_dialect_is_spoken(server_name):
    dialect, cap, cached, reasoning, effort = DIALECTS[server_name]
    request = Request(ASK.messages, 64, choices=("go north", "go south"))
    with LoopbackServer(echo, dialect=dialect) as server:
        async with model(server, f"{server_name}:m/low") as one:
            reply = await one.complete(request)
    (body,) = server.books.bodies
    assert body[cap] == 64
    assert body[effort] == "low"
    assert ("structured_outputs" in body) == SERVERS[server_name].choices
    usage = reply.usage
    assert (usage.cached_tokens, usage.reasoning_tokens) == (cached, reasoning)
    prompt = (5 - cached) * 1.0 + cached * 0.5
    assert usage.usd == pytest.approx((prompt + 5 * 2.0) / 1e6)


@in_loop
async def test_a_parameter_that_the_server_does_not_know_is_left_out_from_then_on():
    request = Request(ASK.messages, 64, temperature=0.3, schema=SCHEMA)
    with LoopbackServer(echo) as server:
        async with model(server) as one:
            await one.complete(request)
            await one.complete(request)
    assert ["temperature" in body for body in server.books.bodies] == [True, False, False]
    assert all(body["response_format"]["json_schema"]["schema"] == SCHEMA for body in server.books.bodies)


@in_loop
async def test_a_crowd_is_thinned_until_the_server_takes_it():
    with LoopbackServer(echo, at_once=4, delay=0.02, retry_after=0.02) as server:
        async with model(server, most=64) as one:
            replies = await asyncio.gather(*(one.complete(ASK) for _ in range(120)))
    assert len(replies) == server.books.served == 120
    assert server.books.kinds["429"] < 400


@in_loop
async def test_calls_are_in_flight_together():
    with LoopbackServer(echo, delay=0.3) as server:
        async with model(server, most=50) as one:
            await one.complete(ASK)
            began = time.monotonic()
            await asyncio.gather(*(one.complete(ASK) for _ in range(50)))
            took = time.monotonic() - began
    assert server.books.most_at_once > 25
    assert took < 50 * 0.3 / 2


@in_loop
async def test_spend_is_right_to_the_token_when_a_third_of_all_goes_wrong(monkeypatch):
    monkeypatch.setattr("alma.models.openai.FIRST_WAIT", 0.02)
    kinds = tuple(kind for kind in PASSING if kind != "empty")
    with LoopbackServer(echo, mischief=at_random(0.33, 7, kinds), retry_after=0.01) as server:
        async with model(server, most=16) as one:
            replies = await asyncio.gather(*(one.complete(ASK) for _ in range(60)))
    assert one.retries > 10
    assert sum(reply.usage.prompt_tokens for reply in replies) == server.books.prompt_tokens
    assert sum(reply.usage.completion_tokens for reply in replies) == server.books.completion_tokens


@pytest.mark.parametrize(
    ("name", "server", "model_", "effort"),
    [
        ("gpt-5-nano/low", "openai", "gpt-5-nano", "low"),
        ("openrouter:openai/gpt-5/high", "openrouter", "openai/gpt-5", "high"),
        ("openrouter:qwen/qwen3", "openrouter", "qwen/qwen3", None),
        ("ollama:smollm2:135m", "ollama", "smollm2:135m", None),
        ("responses:gpt-5", "openai", "gpt-5", None),
    ],
)
def test_names_are_read(name, server, model_, effort):
    read = ModelName.read(name)
    assert (read.server.name, read.model, read.effort) == (server, model_, effort)
    assert str(read) == name


@pytest.mark.parametrize("name", ["", "nowhere:x", "gpt 5", "vllm:"])
def test_other_names_are_refused(name):
    with pytest.raises(ConfigError, match="model"):
        ModelName.read(name)
