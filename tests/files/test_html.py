"""Pages that need no other file: what is filled in is escaped, what is missing is an error, pictures are inside."""

import base64

import jinja2
import pytest

from diffchest.files.html import page_environment, png_url


def test_what_is_filled_in_is_escaped_and_what_is_missing_an_error():
    template = page_environment("diffchest.explain").from_string("<b>{{ name }}</b>")
    assert template.render(name="<script>") == "<b>&lt;script&gt;</b>"
    with pytest.raises(jinja2.UndefinedError, match="name"):
        template.render()


def test_templates_lie_beside_the_modules():
    for package, name in (("diffchest.explain", "page.html"), ("diffchest.report", "template.html")):
        assert page_environment(package).get_template(name)


def test_a_picture_is_inside_its_address():
    kind, _, data = png_url(b"\x89PNG\x00").partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(data) == b"\x89PNG\x00"
