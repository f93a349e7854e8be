"""Jobs, their order, ledger, lock, and where they run; knows neither torch nor studies."""

from leukolab.plan.journal import Log
from leukolab.plan.ledger import Event, Row, Status, read_events, status, write_event
from leukolab.plan.lock import held, hold
from leukolab.plan.order import wanted
from leukolab.plan.run import run_plan
from leukolab.plan.target import Target, read_target, usable_target
from leukolab.plan.task import Place, Task, read_plan, write_plan

__all__ = [
    "Event",
    "Log",
    "Place",
    "Row",
    "Status",
    "Target",
    "Task",
    "held",
    "hold",
    "read_events",
    "read_plan",
    "read_target",
    "run_plan",
    "status",
    "usable_target",
    "wanted",
    "write_event",
    "write_plan",
]
