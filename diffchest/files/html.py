"""Pages as one HTML file that needs no other: templates beside a module, pictures inside."""

import base64

import jinja2


def page_environment(package: str) -> jinja2.Environment:
    """Templates beside the modules of `package`; what is filled in is escaped, and what is missing an error."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader(package, package_path="."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


def png_url(data: bytes) -> str:
    """A PNG file as an address that holds it."""
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"
