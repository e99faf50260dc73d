"""RiskGuard: every order is asked for here, and only here approved."""

from papertape.engines.riskguard.engine import RiskGuard
from papertape.engines.riskguard.kill_switch import KillSwitch
from papertape.engines.riskguard.limits import PROFILES, RiskLimits, RiskView

__all__ = ["PROFILES", "KillSwitch", "RiskGuard", "RiskLimits", "RiskView"]
