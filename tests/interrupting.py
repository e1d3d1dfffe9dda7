"""An interruption at a known moment: while something written in another language than Python looks at a value."""

from __future__ import annotations

import signal


class Interrupts:
    """Sends this process a signal when it is asked what it is called."""

    def __init__(self, number: signal.Signals) -> None:
        self.number = number

    def __repr__(self) -> str:
        signal.raise_signal(self.number)
        return "interrupts"
