"""The `alma` command: puts the groups together and turns errors into one line and an exit code.

Exit codes: 0 done or budget reached, 1 the run failed, 2 usage or bad input, 3 paused, 130 interrupted.
"""

from __future__ import annotations

import errno
import os
import signal
import sys

import typer
from typer.exceptions import TyperException

from alma import __version__
from alma.cli import archive, designs, doctor, domains, evaluate, init, learn, models, runs
from alma.cli.loop import GOES_ON, INTERRUPTED
from alma.records import AlmaError, BudgetExceeded, ConfigError, RunPaused, visible

app = typer.Typer(
    name="alma",
    help="Learn memory designs for agents, and measure them.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
learn.add(app)
runs.add(app)
evaluate.add(app)
doctor.add(app)
app.add_typer(archive.app, name="archive")
app.add_typer(domains.app, name="domains")
app.add_typer(designs.app, name="designs")
app.add_typer(models.app, name="models")
app.add_typer(init.app, name="init")


@app.callback(invoke_without_command=True)
def _options(version: bool = typer.Option(False, "--version", help="Print the version and exit.")) -> None:
    if version:
        typer.echo(f"alma {__version__}")
        raise typer.Exit


def main() -> None:
    """Entry point of the console script."""
    code = run(sys.argv[1:])
    # Whoever is impatient and sends another gets no traceback from the clean-up at the interpreter's end.
    for late in (signal.SIGINT, signal.SIGTERM):
        signal.signal(late, signal.SIG_IGN)
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command; returns its exit code."""
    try:
        code = typer.main.get_command(app).main(arguments, prog_name="alma", standalone_mode=False)
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        return code if isinstance(code, int) else 0
    except TyperException as error:
        message = error.format_message()
        if message.startswith("Usage:"):
            typer.echo(message)
            return 2
        return _fail(f"{message.rstrip('.')}; see: alma --help", 2)
    except (typer.Abort, KeyboardInterrupt):
        return _fail(GOES_ON, INTERRUPTED)
    except ConfigError as error:
        return _fail(str(error), 2)
    except BudgetExceeded as error:
        typer.echo(visible(f"budget reached: {error}"))
        return 0
    except RunPaused as error:
        return _fail(str(error), PAUSED)
    except AlmaError as error:
        return _fail(str(error), 1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _fail(_about(error), 1)


PAUSED = 3
NEXT_STEPS = {
    errno.EROFS: "; give a folder that can be written",
    errno.EACCES: "; give a folder that you may write",
    errno.ENOSPC: "; free some space, then go on with: alma resume",
}


def _about(error: OSError) -> str:
    where = f": {error.filename}" if error.filename else ""
    return f"{error.strerror or error}{where}{NEXT_STEPS.get(error.errno or 0, '')}"


def _fail(message: str, code: int) -> int:
    typer.echo(visible(f"alma: {' '.join(message.split())}"), err=True)
    return code


if __name__ == "__main__":
    main()
