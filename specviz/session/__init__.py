"""The state of one exploring person: what is selected, which jobs run, what happened before."""

from specviz.session.jobs import Job, JobRunner
from specviz.session.session import Session
from specviz.session.state import Notice, Recent, State, WorkItem

__all__ = ["Job", "JobRunner", "Notice", "Recent", "Session", "State", "WorkItem"]
