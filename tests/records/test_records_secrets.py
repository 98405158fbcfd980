"""What counts as a secret, and what becomes of one in a text or a child's environment."""

import pytest

from alma.records import is_secret, scrub, without_secrets

KEY = "canary-4f1d9b7e"
ENVIRONMENT = {"OPENAI_API_KEY": KEY, "PATH": "/usr/bin", "HOME": "/home/someone", "HF_TOKEN": "abc"}


@pytest.mark.parametrize(
    "name",
    "OPENAI_API_KEY ANTHROPIC_API_KEY OPENROUTER_KEY HF_TOKEN GITHUB_TOKEN AWS_SECRET_ACCESS_KEY DB_PASSWORD "
    "ALMA_APIKEY my_secret GOOGLE_APPLICATION_CREDENTIALS".split(),
)
def test_a_name_like_that_is_a_secrets(name):
    assert is_secret(name, "x")


@pytest.mark.parametrize("name", ["PATH", "HOME", "KEYBOARD", "MONKEY", "PASSENGERS", "TOKENIZERS_PARALLELISM"])
def test_other_names_are_not(name):
    assert not is_secret(name, "x")


def test_an_address_with_a_password_is_a_secret():
    assert is_secret("HTTPS_PROXY", "http://me:word@proxy:8080")
    assert not is_secret("HTTPS_PROXY", "http://proxy:8080")
    assert scrub("no route to http://me:word@proxy:8080/x", {}) == "no route to http://[a password]@proxy:8080/x"


def test_a_childs_environment_lacks_them():
    assert without_secrets(ENVIRONMENT) == {"PATH": "/usr/bin", "HOME": "/home/someone"}


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        (f"401: wrong key {KEY}.", "401: wrong key [OPENAI_API_KEY]."),
        (f"?key={KEY}&x", "?key=[OPENAI_API_KEY]&x"),
        ("Authorization: Bearer abcdefghijklmnop", "Authorization: [a key]"),
        ("wrong: sk-proj-abcdefghijklmnop", "wrong: [a key]"),
        ("abc is short and stays", "abc is short and stays"),
        ("the bearer of bad news, a risk-averse task", "the bearer of bad news, a risk-averse task"),
    ],
)
def test_a_text_is_cleaned(text, cleaned):
    assert scrub(text, ENVIRONMENT) == cleaned
