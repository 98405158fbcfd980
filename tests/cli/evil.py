"""A plug-in for tests: a domain and a proposer whose every text gives orders to a terminal and a browser."""

import os
from dataclasses import replace

from alma.records import Proposal
from alma.testing.toy import ToyDomain

HOST = os.environ.get("EVIL_HOST", "http://127.0.0.1:1")
TERMINAL = "\x1b]0;owned\x07\x1b[2J\x1b[31m\x9b31m\x07\x08\r\u202eevil\u2066[bold red][/nope]"
PAGE = (
    f"</pre></code></textarea></style></svg></title><script>owned()</script><img src='{HOST}/image' "
    f'onerror="owned()"><svg onload="owned()"><iframe src="{HOST}/frame"></iframe>'
    f"<link rel=stylesheet href={HOST}/style><meta http-equiv=refresh content='0;url={HOST}/go'>"
    "<a href='javascript:owned()'>x</a>{{ 7 * 7 }}{% raw %}\"'`-->"
    "<script>document.body.dataset.owned = 1</script>"
)
EVIL = TERMINAL + PAGE
SOURCE = '''
"""{page}"""
from alma.memory import Memory


class Evil{number}(Memory):
    text = {text!r}

    async def update(self, episode):
        self.kit.log(self.text)
        if {number} == 1:
            raise ValueError(self.text)

    async def retrieve(self, situation):
        return self.text
'''


class EvilProposer:
    """Proposes designs of evil text; the second one also fails with it."""

    name = "evil"

    async def propose(self, inspiration):
        number = inspiration.step * 10 + inspiration.index
        page = EVIL.replace("\\", "").replace('"""', "")
        source = SOURCE.format(page=page, number=number, text=EVIL)
        return Proposal(source, name=f"{number}{EVIL}", plan=EVIL, reflection=EVIL)

    async def repair(self, proposal, failure, inspiration):
        return replace(proposal, source=proposal.source + f"# {len(proposal.source)}\n")


class EvilDomain(ToyDomain):
    name = "wicked"

    def open(self, level):
        return EvilGame(super().open(level))


class EvilGame:
    def __init__(self, game):
        self.game = game

    def reset(self):
        first = self.game.reset()
        return replace(first, text=first.text + EVIL, goal=first.goal + EVIL)

    def step(self, action):
        step = self.game.step(action)
        return replace(step, observation=step.observation + EVIL)

    def outcome(self):
        return self.game.outcome()

    def close(self):
        pass
