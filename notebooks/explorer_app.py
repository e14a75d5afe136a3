"""The Explorer as a page without code, on any Jupyter server: open ``/panel-preview/render/notebooks/explorer_app.py``.

The address may name a star: ``...explorer_app.py?star=demo 7``. ``panel serve notebooks/explorer_app.py`` shows it too.
"""

from specviz.app import page

page()
