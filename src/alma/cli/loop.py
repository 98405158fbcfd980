"""Runs a job so that it can be stopped: Ctrl-C or SIGTERM ends it cleanly, a second one at once."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
INTERRUPTED = 130
GOES_ON = "interrupted; the same command goes on where it stood"


def run_async(job: Coroutine[Any, Any, T]) -> T:
    """The job's result. Raises KeyboardInterrupt when it was stopped, after it has closed what it holds."""
    stopped = False

    async def main() -> T:
        task = asyncio.current_task()
        assert task is not None

        def stop() -> None:
            nonlocal stopped
            if stopped:
                # What is finished is on disk; workers end when their host is gone.
                sys.stderr.write(f"alma: {GOES_ON}\n")
                sys.stderr.flush()
                os._exit(INTERRUPTED)
            stopped = True
            task.cancel()

        loop = asyncio.get_running_loop()
        for which in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(which, stop)
        try:
            return await job
        finally:
            for which in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(which)

    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        if stopped:
            raise KeyboardInterrupt from None
        raise
