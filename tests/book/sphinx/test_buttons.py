"""Buttons: those of a repository only where it has an address; a script for each chapter."""

from types import SimpleNamespace

import pytest

from qbp.book.sphinx import buttons


@pytest.mark.parametrize("address", ["", "https://example.org/a/book"])
def test_a_repository_has_buttons_only_if_it_has_an_address(address):
    config = SimpleNamespace(qbp_repository=address, html_theme_options={"show_toc_level": 2})
    buttons.set_repository(None, config)
    options = config.html_theme_options
    assert options.pop("show_toc_level") == 2
    assert bool(options) == bool(address)
    if address:
        assert options["repository_url"] == address and options["use_issues_button"]


@pytest.mark.parametrize(("source", "solved"), [("a.ipynb", True), ("a.ipynb", False), (None, False)])
def test_downloads_are_a_script_and_solutions_where_there_are_some(source, solved):
    group = {"label": "download-buttons", "buttons": [{"text": ".md"}]}
    context = {
        "ipynb_source": source,
        "body": '<div class="solution">' if solved else "",
        "header_buttons": [{"label": "other"}, group],
        "pathto": lambda name, _: f"../{name}",
    }
    buttons.add_buttons(None, "a", "page.html", context, None)
    texts = [button["text"] for button in group["buttons"]]
    assert texts == [".md", *[".py"] * bool(source), *[".pdf with solutions"] * solved]
    assert not source or group["buttons"][1]["url"] == "../_sources/a.py"
