"""The Broker protocols, and the router that speaks one of them."""

from papertape.engines.flowroute.core.broker import Broker, BrokerSilent, KeptBroker, Said
from papertape.engines.flowroute.core.engine import FlowRoute, Router

__all__ = ["Broker", "BrokerSilent", "FlowRoute", "KeptBroker", "Router", "Said"]
