"""The confounder audit: what else appears with a finding, and whether it matters."""
