"""Nobody but RiskGuard makes `Approved`: the one rule that import contracts cannot see."""

import ast
from pathlib import Path


def makes_approved(source: str) -> bool:
    """Whether the source calls ``Approved(...)``; a pattern ``case Approved():`` is no call."""
    calls = (node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return any(ast.unparse(called).split(".")[-1] == "Approved" for called in calls)


def test_only_riskguard_makes_approved_orders(project: Path) -> None:
    package = project / "src" / "papertape"
    makers = {path for path in package.rglob("*.py") if makes_approved(path.read_text("utf-8"))}
    strangers = {path for path in makers if package / "engines" / "riskguard" not in path.parents}
    assert not strangers


def test_the_search_sees_a_call_and_not_a_pattern() -> None:
    assert makes_approved("send(Approved(order))")
    assert makes_approved("send(verdict.Approved(order))")
    assert not makes_approved("match v:\n    case Approved() as a: send(a)")
