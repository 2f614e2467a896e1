"""How good: error rates, errors of solvers, and what the audit says when the truth is known."""
