"""Pages as one HTML file that needs no other: templates beside a module, pictures inside."""

import base64

import jinja2


def page_environment(package: str) -> jinja2.Environment:
    """Templates beside the modules of `package`, which may include `page.css`, the style that pages share.

    What is filled in is escaped, and what is missing an error.
    """
    places = [jinja2.PackageLoader(name, package_path=".") for name in (package, "diffchest.files")]
    return jinja2.Environment(
        loader=jinja2.ChoiceLoader(places),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


def png_url(data: bytes) -> str:
    """A PNG file as an address that holds it."""
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"
