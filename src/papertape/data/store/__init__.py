"""Bars at rest: revisions of raw bars and corporate actions, with where they came from."""

from papertape.data.store.manifest import Change, Manifest, Origin
from papertape.data.store.merging import OnDifference
from papertape.data.store.store import Kept, Store
from papertape.data.store.stored import StoredPrices

__all__ = ["Change", "Kept", "Manifest", "OnDifference", "Origin", "Store", "StoredPrices"]
