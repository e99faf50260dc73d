"""The faults a provider can show, each a switch: for a number of answers, or until switched off."""

from __future__ import annotations

from enum import StrEnum


class Fault(StrEnum):
    """What goes wrong; the frame serves the first group, each emulator the second and third."""

    # any answer
    LIMIT_SECONDS = "429 with Retry-After in seconds"
    LIMIT_DATE = "429 with Retry-After as an HTTP date"
    LIMIT_LONG = "429 with a Retry-After of two hours"
    LIMIT_BARE = "429 without any header"
    QUOTA_TEXT = "200 with the words of a quota as plain text"
    SERVER_ERROR = "500 with JSON"
    GATEWAY = "504 with HTML"
    CUT_BODY = "a body shorter than it was announced"
    CUT_JSON = "a whole body that is half a JSON text"
    HTML = "200 with an HTML page"
    STALLED_BODY = "a body that begins and never ends"
    HUGE = "a body beyond every cap"
    REDIRECT = "a redirect to another host"
    KEY_REFUSED = "401"
    PLAN_REFUSED = "403"
    SKEW = "a server clock that is an hour ahead"

    # what an answer says
    EMPTY = "200 without a row"
    NULL_FIELDS = "rows with null where a price is due"
    BAD_BAR = "a row whose high is below its low"
    DUPLICATES = "every row twice"
    CONTRADICTION = "a row twice, with two different closes"
    SHUFFLED = "rows out of order"
    PAGE_LOOP = "a next page that is this page"
    PAGE_OVERLAP = "a page that begins with the last row of the page before"
    FOREIGN_NEXT = "a next page on another host"
    EMPTY_PAGE = "a page without rows before the last one"
    CUT_HISTORY = "only the last rows, without a word"
    HOLE = "a session in the middle without a row"

    # a stream
    MUTE = "an open socket that delivers nothing"
    CLEAN_CLOSE = "a close with code 1000"
    DROP = "a connection that ends without a close frame"
    CONNECTION_LIMIT = "another session holds the slot"
    LOST_MESSAGES = "messages that never come"
    REPEATED_MESSAGES = "messages that come twice, and late"
    NONSENSE = "a frame that is no message"


class Switches:
    """Which faults are on, and for how many answers still."""

    def __init__(self) -> None:
        self._left: dict[Fault, float] = {}

    def on(self, fault: Fault, times: float = float("inf")) -> None:
        """Show a fault for some answers; for all of them if no number is given."""
        self._left[fault] = times

    def shows(self, fault: Fault) -> bool:
        """Whether this answer shows the fault; one is used up."""
        left = self._left.get(fault, 0)
        self._left[fault] = left - 1
        return left > 0
