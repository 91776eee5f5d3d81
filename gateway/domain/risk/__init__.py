"""Pre-trade checks: one small file a family of controls, each control a pure function with a code and its figures."""

from gateway.domain.risk.check import Decision, check_order
from gateway.domain.risk.denial import Denial, deny
from gateway.domain.risk.limit import BadLimitError, Limit
from gateway.domain.risk.make import make_limit
from gateway.domain.risk.rulebook import NO_RULES, RuleBook
from gateway.domain.risk.terms import OrderTerms, Snapshot

__all__ = [
    "NO_RULES",
    "BadLimitError",
    "Decision",
    "Denial",
    "Limit",
    "OrderTerms",
    "RuleBook",
    "Snapshot",
    "check_order",
    "deny",
    "make_limit",
]
