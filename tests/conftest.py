"""Fixed examples and one torch thread: a test gives the same result alone and in any order."""

import secrets

import pytest
import torch
from hypothesis import settings

settings.register_profile("fixed", derandomize=True, deadline=None, database=None)
settings.load_profile("fixed")
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def drawn_seeds_are_fixed(monkeypatch):
    """What draws a seed when it is given none, as `qbp verify` does, draws the same one in every test."""
    monkeypatch.setattr(secrets, "randbelow", lambda limit: 1)


def pytest_terminal_summary(terminalreporter):
    """Say how many cases the property tests went through, and how heavy the pages of the book are."""
    reports = [report for some in terminalreporter.stats.values() for report in some]
    called = [report for report in reports if getattr(report, "when", "") == "call"]
    properties = [pair for report in called for pair in report.user_properties]
    if cases := sum(value for name, value in properties if name == "cases"):
        terminalreporter.write_line(f"property cases: {cases:,}")
    if pages := sorted((value for name, value in properties if name == "page"), reverse=True):
        terminalreporter.write_line("kB packed, ms to first paint on loopback, page")
        for weight, paint, page in pages:
            terminalreporter.write_line(f"{weight:5} {paint:5}  {page}")
