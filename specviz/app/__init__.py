"""What people start: ``specviz.explore`` in a notebook, ``specviz.serve`` on a port. Puts rooms together; holds no
logic.

``specviz.vet`` and ``specviz.outliers`` are in modules of their own, which the Explorer does not wait for.
"""

from specviz.app.comparing import Comparison, compare
from specviz.app.explorer import Explorer, explore
from specviz.app.facing import face_off
from specviz.app.serving import page, serve

__all__ = ["Comparison", "Explorer", "compare", "explore", "face_off", "page", "serve"]
