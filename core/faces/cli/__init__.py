"""The command line: `stack`. What goes wrong is one line on stderr, never a traceback.

Exit codes: 0, 1 for a fault of ours or a failed check, 2 for what the caller must change, 130 for
an interrupt. `--debug` or STACK_DEBUG=1 shows tracebacks.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

from ...canon.errors import ConfigError


def main(args: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit code."""
    from .app import run_command

    try:
        code = run_command(sys.argv[1:] if args is None else list(args))
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except ConfigError as error:
        return _complain(error, error.message, 2)
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
        return _complain(error, f"{said} (--debug shows where)", 1)


def _complain(error: Exception, message: str, code: int) -> int:
    if os.environ.get("STACK_DEBUG", "0") not in ("", "0"):
        traceback.print_exception(error)
    print(f"stack: error: {' '.join(message.split())}", file=sys.stderr)
    return code
