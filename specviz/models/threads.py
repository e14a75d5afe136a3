"""``one_thread``: sums in an order that does not depend on how many processors a machine has; ``alone``: small work
without waiting for other threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_thread() -> Iterator[None]:
    """Have torch, and the linear algebra of numpy where ``threadpoolctl`` is installed, compute on one thread.

    A sum that is cut among threads is added up in another order and differs in its last digit. Inside this block the
    same numbers come out whatever ran before, on any number of processors of one kind; another kind (AVX2 instead of
    AVX-512, a GPU) still rounds in its own way.
    """
    with alone():  # first: what torch brings along is limited too
        try:
            from threadpoolctl import threadpool_limits  # type: ignore[import-untyped, unused-ignore]
        except ImportError:  # numpy's products stay as many-threaded as they are: equal to 1e-16, seen by no float16
            limits = None
        else:
            limits = threadpool_limits(1, user_api="blas")
        try:
            yield
        finally:
            if limits is not None:
                limits.restore_original_limits()


@contextmanager
def alone() -> Iterator[None]:
    """Have torch compute on one thread what is too small to share.

    Half a hundred products of a few microseconds wait for their slowest thread each: with a browser that paints beside
    them, ten times longer than one thread takes. OpenMP's number of threads belongs to the thread that sets it.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
