"""The ``engine`` command. Whatever goes wrong in here, the exit code is 3, never a verdict's."""

import sys

COULD_NOT_DECIDE = 3
_TO_DO = "a defect of the engine, not a verdict: report this line with what `engine doctor` prints"


def main() -> None:
    """Run the command line and exit. README.md: exit codes."""
    code = COULD_NOT_DECIDE
    try:
        from engine.cli import run
        from engine.cli.console.streams import own_streams

        own_streams()
        code = run(sys.argv[1:])  # which flushed, or said why it could not
    except SystemExit as stop:
        code = stop.code if type(stop.code) is int else COULD_NOT_DECIDE
    except KeyboardInterrupt:
        code = COULD_NOT_DECIDE
        _say("engine: interrupted; what was printed is recorded")
    except BaseException as error:  # noqa: BLE001  (a crash must never look like a verdict)
        code = COULD_NOT_DECIDE
        _say(f"engine: could not decide: {type(error).__name__}: {error}\n  {_TO_DO}")
    _leave(code)


def _say(text: str) -> None:
    import contextlib

    with contextlib.suppress(BaseException):  # nobody is listening; the code still tells
        # An error's own text may hold anything, and nothing can be imported for sure any more.
        shown = (sign if sign.isprintable() or sign == "\n" else "\ufffd" for sign in text)
        print("".join(shown), file=sys.stderr, flush=True)


def _leave(code: int) -> None:
    """Exit with ``code``; a stream that cannot be flushed turns it into 3."""
    import contextlib
    import os

    try:
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001
        code = COULD_NOT_DECIDE
    # Everything is flushed and closed; taking the interpreter apart costs more than a decision.
    with contextlib.suppress(BaseException):
        sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
