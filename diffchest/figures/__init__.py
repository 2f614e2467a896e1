"""One module per figure, each with `draw(params) -> Figure`; `registry` knows them by name."""
