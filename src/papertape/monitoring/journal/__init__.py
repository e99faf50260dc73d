"""The journal: what a session saw, decided and heard, durable before anybody acts on it."""

from papertape.monitoring.journal.codec import Codec
from papertape.monitoring.journal.database import SQLITE
from papertape.monitoring.journal.head import Head
from papertape.monitoring.journal.kinds import LINES
from papertape.monitoring.journal.place import Place
from papertape.monitoring.journal.store import Journal

__all__ = ["LINES", "SQLITE", "Codec", "Head", "Journal", "Place"]
