"""One system's own look at one star, in two steps: what takes seconds is prepared once a star,
and what a control changes is answered at once.
"""
