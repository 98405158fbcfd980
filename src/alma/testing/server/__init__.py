"""A loopback server that speaks the OpenAI protocol, faithfully and, when told so, badly.

    with LoopbackServer(answer, mischief=script("429", "ok", "cut")) as server:
        ...  # a client at server.base_url; server.books says what was served

It keeps its own books, so that what a client believes to have spent can be compared to the token.
"""

from alma.testing.server.http import Books, LoopbackServer
from alma.testing.server.mischief import KINDS, Mischief, at_random, script

__all__ = ["KINDS", "Books", "LoopbackServer", "Mischief", "at_random", "script"]
