"""A folder as a model: requests are files, answers are files, in any of three forms."""

import asyncio
import json
import re

import pytest

from alma.models.contract import Message, Request
from alma.models.inbox import Inbox
from alma.records import ConfigError
from alma.testing.loop import in_loop


def ask(text, *past):
    return Request((Message("system", "rules " * 100), *past, Message("user", text)))


async def request_file(folder, number):
    path = folder / "requests" / f"{number:04}.md"
    while not path.exists():
        await asyncio.sleep(0.02)
    text = path.read_text()
    return text, re.findall(r"^=== request (\S+) ===", text, re.MULTILINE)


@pytest.mark.parametrize("form", ["files", "blocks", "json"])
@in_loop
async def test_requests_of_a_moment_are_one_file_and_each_gets_its_answer(tmp_path, form):
    told = []
    inbox = Inbox(tmp_path, lambda *what: told.append(what))
    tasks = [asyncio.create_task(inbox.complete(ask(f"question {n}"))) for n in range(3)]
    text, names = await request_file(tmp_path, 1)
    assert len(names) == 3
    assert told == [(3, tmp_path / "requests" / "0001.md")]
    assert text.count("rules rules") == 50, "a long message is told once"
    answers = tmp_path / "answers"
    if form == "files":
        for number, name in enumerate(names):
            (answers / f"{name}.md").write_text(f"answer {number}\n")
    elif form == "blocks":
        blocks = "".join(f"=== answer {name} ===\nanswer {n}\n\n" for n, name in enumerate(names))
        (answers / "0001.md").write_text(blocks)
    else:
        (answers / "0001.json").write_text(json.dumps({name: f"answer {n}" for n, name in enumerate(names)}))
    assert [reply.text for reply in await asyncio.gather(*tasks)] == ["answer 0", "answer 1", "answer 2"]


@in_loop
async def test_the_same_question_twice_gets_two_answers_and_a_later_process_finds_them(tmp_path):
    inbox = Inbox(tmp_path)
    tasks = [asyncio.create_task(inbox.complete(ask("again"))) for _ in range(2)]
    _, names = await request_file(tmp_path, 1)
    assert names[1] == f"{names[0]}-2"
    for name in names:
        (tmp_path / "answers" / f"{name}.md").write_text(f"for {name}")
    assert [reply.text for reply in await asyncio.gather(*tasks)] == [f"for {name}" for name in names]
    assert (await Inbox(tmp_path).complete(ask("again"))).text == f"for {names[0]}"
    assert not (tmp_path / "requests" / "0002.md").exists()


@in_loop
async def test_a_conversation_shows_only_what_is_new(tmp_path):
    """Of many conversations that began with the same rules, and got the same answer."""
    inbox = Inbox(tmp_path)
    first = [ask(f"{n} question of the first round. Choices: a; b") for n in range(4)]
    tasks = [asyncio.create_task(inbox.complete(one)) for one in first]
    _, names = await request_file(tmp_path, 1)
    (tmp_path / "answers" / "0001.json").write_text(json.dumps(dict.fromkeys(names, "first answer")))
    await asyncio.gather(*tasks)
    name = names[2]
    past = (Message("user", "2 question of the first round."), Message("assistant", "first answer"))
    task = asyncio.create_task(inbox.complete(ask("second question", *past)))
    text, _ = await request_file(tmp_path, 2)
    assert f"goes on from {name}" in text
    assert "second question" in text
    assert "first" not in text.split("===")[-1]
    task.cancel()


@in_loop
async def test_an_answer_named_by_digits_alone_and_half_an_answer(tmp_path):
    inbox = Inbox(tmp_path)
    answers = tmp_path / "answers"
    (answers / "0001.json").write_text('{"half": ')
    (answers / "12345678.md").write_text("digits")
    (answers / "87654321.md").write_text(" ")
    assert dict(inbox._answers()) == {"12345678": "digits"}


def test_a_folder_that_cannot_be_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="give a folder that can be written"):
        Inbox(tmp_path / "file")
