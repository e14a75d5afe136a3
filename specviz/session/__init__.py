"""The state of one exploring person: what is selected, which jobs run, what happened before."""

from specviz.session.jobs import Job, JobRunner
from specviz.session.session import Session
from specviz.session.state import Asked, Notice, Progress, Recent, State, WorkItem

__all__ = ["Asked", "Job", "JobRunner", "Notice", "Progress", "Recent", "Session", "State", "WorkItem"]
