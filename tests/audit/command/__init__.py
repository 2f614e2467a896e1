"""Tests of the audit from the command line."""
