"""Ctrl-C and SIGTERM while files are half made."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Final, Self

from forage_gen.write.errors import Code, WriteError

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signals:
    """Holds back the signals that would end the program, until the block is left.

    A handler that raises can do so between any two instructions, also in the midst of
    cleaning up. So the handler here only takes note, and the work asks with `check` where
    it is ready to be stopped. On leaving, the earlier handlers are put back and the signal
    is raised again, so the program ends the way its caller expects (exit status of a
    SIGTERM, `KeyboardInterrupt`).

    A signal that is ignored stays ignored (nohup). Python lets only the main thread set
    handlers; in another one this does nothing, and signals find their way to the main one.
    """

    def __init__(self) -> None:
        self._pending: signal.Signals | None = None
        self._earlier: dict[signal.Signals, signal._HANDLER] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                handler = signal.getsignal(number)
                # None: set by a C library, and not to be had back.
                if handler is not None and handler is not signal.SIG_IGN:
                    self._earlier[number] = handler
                    signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._earlier.items():
            signal.signal(number, handler)
        if self._pending is not None:
            signal.raise_signal(self._pending)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._pending = signal.Signals(number)

    def check(self) -> None:
        """Stops the work if a signal came.

        Raises:
            WriteError: `interrupted`. It gets to the caller only where the earlier handler
                of the signal neither ends the program nor raises.
        """
        if self._pending is not None:
            raise WriteError(
                Code.INTERRUPTED,
                f"stopped by {self._pending.name} before anything was changed",
                "Run it again.",
            )
