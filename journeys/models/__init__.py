"""All journeys tables; import them from here."""

from journeys.models.draft import DraftEdit
from journeys.models.enrolment import Enrolment, StepVisit
from journeys.models.flow import Flow, FlowVersion, Intake
from journeys.models.journey import Journey, Stage
from journeys.models.lateness import Lateness
from journeys.models.move import StageMove
from journeys.models.position import Health, Position
from journeys.models.rule import StageRule
from journeys.models.trial import Backtest, FlowTest

__all__ = [
    "Backtest",
    "DraftEdit",
    "Enrolment",
    "Flow",
    "FlowTest",
    "FlowVersion",
    "Health",
    "Intake",
    "Journey",
    "Lateness",
    "Position",
    "Stage",
    "StageMove",
    "StageRule",
    "StepVisit",
]
