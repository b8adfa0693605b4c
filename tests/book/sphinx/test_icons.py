"""Icons: the theme's script with the few that pages use, under every name that an icon has."""

from types import SimpleNamespace

from qbp.book.sphinx import icons


def script():
    (path,) = icons.theme().glob(icons.SCRIPT)
    return path, path.read_text("utf-8")


def names(text):
    return {match["name"] for match in icons.ICON.finditer(text)}


def test_of_the_themes_icons_the_named_ones_are_kept_and_the_program_too():
    _, whole = script()
    few = icons.with_icons(whole, {"search", "moon", "no-such-icon"})
    assert names(few) == {"magnifying-glass", "moon"} < names(whole) and len(names(whole)) > 1000
    assert len(few) < len(whole) / 10
    assert icons.with_icons(whole, names(whole)) == whole
    assert icons.ICON.sub("", few) == icons.ICON.sub("", whole)


def test_a_built_book_keeps_what_its_pages_and_scripts_name_and_a_later_build_may_add(tmp_path):
    path, whole = script()
    target = tmp_path / "_static" / path.relative_to(icons.theme())
    target.parent.mkdir(parents=True)
    target.write_text(whole)
    app = SimpleNamespace(outdir=str(tmp_path), builder=SimpleNamespace(format="html"))
    font = '<link rel="preload" as="font" type="font/woff2" href="_static/vendor/fontawesome/a.woff2" />'
    other = '<link rel="preload" href="b.png"/><i class="fas fa-moon"></i>'
    (tmp_path / "a.html").write_text(f"{font}\n{other}")
    icons.keep_used_icons(app, None)
    assert names(target.read_text()) == {"moon"}
    assert (tmp_path / "a.html").read_text() == other
    (tmp_path / "_static" / "a.js").write_text('icon.className = "fa-solid fa-search"')
    icons.keep_used_icons(app, None)
    assert names(target.read_text()) == {"moon", "magnifying-glass"}
    for other, failed in (("latex", None), ("html", ValueError())):
        target.write_text("left alone")
        app.builder.format = other
        icons.keep_used_icons(app, failed)
        assert target.read_text() == "left alone"
