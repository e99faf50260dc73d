"""RiskGuard: every order is asked for here, and only here approved."""

from papertape.engines.riskguard.engine import RiskGuard
from papertape.engines.riskguard.limits import PROFILES, RiskLimits, limits_from, require_complete
from papertape.engines.riskguard.rules import Collar, collar_of
from papertape.engines.riskguard.tally import RiskTally
from papertape.engines.riskguard.view import LastPrice, RiskView

__all__ = [
    "PROFILES",
    "Collar",
    "LastPrice",
    "RiskGuard",
    "RiskLimits",
    "RiskTally",
    "RiskView",
    "collar_of",
    "limits_from",
    "require_complete",
]
