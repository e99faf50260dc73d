"""The Broker protocol, and the router that speaks it."""

from papertape.engines.flowroute.core.broker import Broker
from papertape.engines.flowroute.core.engine import FlowRoute

__all__ = ["Broker", "FlowRoute"]
