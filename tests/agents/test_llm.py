"""The language-model executor: what it says, how it reads answers, and what it does with odd ones."""

import pytest

from alma.agents.contract import Game
from alma.agents.llm import LlmAgent, LlmOptions
from alma.agents.llm.answers import command_of
from alma.models.contract import Reply
from alma.records import ConfigError, Observation, Step, Usage
from alma.testing.loop import in_loop

POSSIBLE = ("go north", "open the red box", "look")


@pytest.mark.parametrize(
    "answer",
    [
        "go north",
        "Go North.",
        "> go north",
        "`go north`",
        "```\ngo north\n```",
        "I need the key first.\nCOMMAND: go north",
        "Command: go north\n\n",
        "**Action:** go north",
        '{"thought": "north is new", "command": "go north"}',
        'Sure: {"command": "go  north"}',
        "The door is north.\ngo north",
    ],
)
def test_commands_are_found_in_what_models_write(answer):
    assert command_of(answer, POSSIBLE) == "go north"


@pytest.mark.parametrize(
    ("answer", "command"),
    [
        ("", ""),
        ("   \n", ""),
        ("go to the moon", "go to the moon"),
        ("x" * 900, "x" * 200),
        ("{broken", "{broken"),
    ],
)
def test_other_answers_are_passed_on_for_the_game_to_refuse(answer, command):
    assert command_of(answer, POSSIBLE) == command


class Model:
    """Says what it was told to, and keeps what it was asked."""

    name = "m"
    usage = Usage()

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    async def ask(self, request, *, key):
        self.asked.append((key, request))
        answer = self.answers.pop(0) if self.answers else "look"
        return answer if isinstance(answer, Reply) else Reply(answer, Usage(1))


class Notes:
    def __init__(self, text="", later=None):
        self.text, self.later = text, later or {}

    async def on_step(self, steps):
        return self.later.get(len(steps))


def game(limit=4):
    def step(action):
        known = action in POSSIBLE
        return Step(
            action,
            f"You did {action}." if known else "Nothing.",
            POSSIBLE,
            0.0,
            False,
            None if known else "no such command",
        )

    return Game(Observation("A room.", "find the key", POSSIBLE), step, limit)


def texts(request):
    return [message.content for message in request.messages]


@in_loop
async def test_it_is_told_goal_notes_and_commands_and_past_messages_stay_as_they_were():
    model, played = Model("go north", "fly", "look"), game(3)
    await LlmAgent("Doors lead on.").play(played, Notes("keys lie in boxes", {2: "the box is red"}), model, 0)
    assert [step.action for step in played.steps] == ["go north", "fly", "look"]
    first, second, third = (texts(request) for _, request in model.asked)
    assert "Doors lead on." in first[0]
    for told in ("find the key", "keys lie in boxes", "A room.", "open the red box"):
        assert told in first[1]
    assert "open the red box" not in second[1], "possible commands of the past are not told again"
    assert third[:3] == second[:3], "the prefix is what it was, so that a server's cache serves it"
    assert "Not accepted: no such command" in third[-1]
    assert "the box is red" in third[-1]
    assert [key for key, _ in model.asked] == ["0", "1", "2"]


@pytest.mark.parametrize("finish", ["refusal", "overflow"])
@in_loop
async def test_a_refusal_or_a_full_context_ends_the_episode_where_it_stands(finish):
    played = game()
    await LlmAgent("").play(played, Notes(), Model("look", Reply("no", Usage(), finish)), 0)
    assert len(played.steps) == 1


@in_loop
async def test_a_window_keeps_the_first_message_and_moves_in_leaps():
    model, played = Model(), game(20)
    await LlmAgent("", LlmOptions(history=6)).play(played, Notes("notes"), model, 0)
    lengths = [len(request.messages) for _, request in model.asked]
    assert max(lengths) <= 2 * (1 + 6) + 2
    same = sum(
        texts(later)[: len(texts(earlier)) - 1] == texts(earlier)[:-1]
        for (_, earlier), (_, later) in zip(model.asked[8:], model.asked[9:], strict=False)
    )
    assert same >= 6, "the prefix must not change at every step"
    assert all("notes" in texts(request)[1] for _, request in model.asked)
    assert "steps are left out" in "".join(texts(model.asked[-1][1]))


@in_loop
async def test_styles_ask_for_what_they_read():
    for style in ("action", "reason", "tool"):
        model, played = (
            Model('{"thought": "", "command": "look"}' if style == "tool" else "COMMAND: look"),
            game(1),
        )
        await LlmAgent("", LlmOptions(answer=style)).play(played, Notes(), model, 0)
        request = model.asked[0][1]
        assert played.steps[0].action == "look"
        assert bool(request.schema) == (style == "tool")
        assert bool(request.choices) == (style == "action")


@pytest.mark.parametrize(
    "options",
    [{"answer": "sing"}, {"history": 1}, {"history": -1}, {"max_tokens": "x"}, {"commands": 1}, {"x": 1}],
)
def test_bad_options_are_told(options):
    with pytest.raises(ConfigError, match="llm"):
        LlmOptions.of(options)


def test_prompts_and_options_are_in_the_version():
    assert LlmAgent("").version != LlmAgent("", LlmOptions(history=4)).version


@in_loop
async def test_choosing_is_asked_as_a_plain_transcript_with_the_commands_as_choices():
    model, played = Model("go north", "look"), game(2)
    await LlmAgent("Doors lead on.", LlmOptions(answer="choose")).play(
        played, Notes("find the key\n> go north", {1: "look twice"}), model, 0
    )
    first, second = (request for _, request in model.asked)
    assert texts(first) == ["find the key\n> go north\n\nfind the key\n\nA room."]
    assert first.choices == second.choices == POSSIBLE
    assert texts(second) == [*texts(first), "go north", "You did go north.\n\nlook twice"]
    assert [message.role for message in second.messages] == ["user", "assistant", "user"]


@in_loop
async def test_a_command_is_not_chosen_again_where_the_game_looks_the_same_if_so_asked():
    def step(action):
        return Step(action, "A room.", POSSIBLE, 0.0, False, None)

    model, played = Model(*POSSIBLE, "look"), Game(Observation("A room.", "", POSSIBLE), step, 4)
    await LlmAgent("", LlmOptions(answer="choose", again=False)).play(played, Notes(), model, 0)
    offered = [request.choices for _, request in model.asked]
    assert offered == [POSSIBLE, POSSIBLE[1:], POSSIBLE[2:], POSSIBLE]


@in_loop
async def test_choosing_needs_a_game_that_lists_its_commands():
    silent = Game(Observation("A room.", "", None), lambda action: None, 4)
    with pytest.raises(ConfigError, match="lists its commands"):
        await LlmAgent("", LlmOptions(answer="choose")).play(silent, Notes(), Model(), 0)
    for options in ({"answer": "choose", "commands": False}, {"again": False}, {"again": "no"}):
        with pytest.raises(ConfigError, match="llm"):
            LlmOptions.of(options)
