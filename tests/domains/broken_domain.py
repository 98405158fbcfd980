"""A toy domain that is wrong in one way: what the conformance checks must find."""

from dataclasses import replace

from alma.testing.toy import ToyDomain, ToyEnvironment


class Broken(ToyEnvironment):
    """A toy game that is wrong in one way."""

    wrong = ""

    def reset(self):
        first = super().reset()
        if self.wrong == "no goal":
            return replace(first, goal=" ")
        if self.wrong == "lists too much":
            return replace(first, admissible=(*first.admissible, "fly"))
        return first

    def step(self, action):
        if self.wrong == "raises" and not action.strip():
            raise KeyError(action)
        step = super().step(action)
        if self.wrong == "shows itself":
            return replace(step, observation=f"{object()} sees nothing")
        if self.wrong == "score":
            return replace(step, score=1.5)
        if self.wrong == "takes anything":
            return replace(step, error=None)
        return step


class BrokenDomain(ToyDomain):
    def __init__(self, options=None):
        options = dict(options or {})
        self.wrong = options.pop("wrong", "")
        super().__init__(options)

    def open(self, level):
        house = super().open(level)
        environment = Broken(house._house, house._thing, house._hidden, house._order)
        environment.wrong = self.wrong
        return environment

    def content_key(self, level):
        if self.wrong == "shares levels":
            return level.task.id.split("/", 1)[1]
        if self.wrong == "seeds do nothing":
            return level.task.id
        return super().content_key(level)

    def tasks(self, split):
        return [] if self.wrong == "nothing to learn from" and split == "train" else super().tasks(split)
