"""The API of journeys, below api/v1/, and what journeys adds to the API of crm."""

from django.urls import path

from crm.extensions import add_customer_field
from journeys.api.backtests import BacktestView
from journeys.api.enrolments import EnrolmentView
from journeys.api.flow_tests import FlowTestRunView, FlowTestsView, FlowTestView
from journeys.api.flows import FlowView
from journeys.api.journeys import STAGES, JourneyView, MoveView
from journeys.api.simulations import SimulationView
from journeys.api.why import WhyView

add_customer_field(STAGES)

app_name = "journeys_api"
urlpatterns = [
    path("customers/<uuid:id>/stage/", MoveView.as_view()),
    path("customers/<uuid:id>/why/", WhyView.as_view()),
    path("journeys/", JourneyView.as_view({"get": "list", "post": "create"})),
    path("journeys/<slug:slug>/", JourneyView.as_view({"get": "retrieve", "patch": "partial_update"})),
    path(
        "journeys/<slug:slug>/stages/<slug:stage>/",
        JourneyView.as_view({"put": "put_stage", "delete": "remove_stage"}),
    ),
    path("journeys/<slug:slug>/stages/<slug:stage>/rules/", JourneyView.as_view({"get": "rules", "put": "put_rules"})),
    path("flows/", FlowView.as_view({"get": "list", "post": "create"})),
    path("flows/simulate/", SimulationView.as_view()),
    path("flows/backtest/", BacktestView.as_view()),
    path("flows/<slug:slug>/", FlowView.as_view({"get": "retrieve", "patch": "partial_update", "put": "update"})),
    path("flows/<slug:slug>/validate/", FlowView.as_view({"post": "check"})),
    path("flows/<slug:slug>/impact/", FlowView.as_view({"post": "impact"})),
    path("flows/<slug:slug>/publish/", FlowView.as_view({"post": "publish"})),
    path("flows/<slug:slug>/pause/", FlowView.as_view({"post": "pause"})),
    path("flows/<slug:slug>/resume/", FlowView.as_view({"post": "resume"})),
    path("flows/<slug:slug>/backlog/", FlowView.as_view({"get": "backlog"})),
    path("flows/<slug:slug>/archive/", FlowView.as_view({"post": "archive"})),
    path("flows/<slug:slug>/enrol/", FlowView.as_view({"post": "enrol"})),
    path("flows/<slug:slug>/results/", FlowView.as_view({"get": "results"})),
    path("flows/<slug:slug>/tests/", FlowTestsView.as_view()),
    path("flows/<slug:slug>/tests/run/", FlowTestRunView.as_view()),
    path("flows/<slug:slug>/tests/<int:id>/", FlowTestView.as_view()),
    path("enrolments/", EnrolmentView.as_view({"get": "list"})),
]
