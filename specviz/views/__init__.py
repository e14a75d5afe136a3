"""One panel a file: Bokeh and Panel models built fresh for each display, updated in place."""
