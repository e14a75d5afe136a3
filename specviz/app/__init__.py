"""What people start: ``specviz.explore`` in a notebook, ``specviz.serve`` on a port. Puts rooms together; holds no
logic."""

from specviz.app.comparing import Comparison, compare
from specviz.app.explorer import Explorer, explore
from specviz.app.facing import face_off
from specviz.app.serving import page, serve
from specviz.app.vetting import Vetting, vet
from specviz.app.vetting_serving import serve_vet

__all__ = ["Comparison", "Explorer", "Vetting", "compare", "explore", "face_off", "page", "serve", "serve_vet", "vet"]
