"""The API of journeys, below api/v1/, and what journeys adds to the API of crm."""

from django.urls import path

from crm.extensions import add_customer_field
from journeys.api.flows import FlowView
from journeys.api.journeys import STAGES, JourneyView
from journeys.api.simulations import SimulationView

add_customer_field(STAGES)

app_name = "journeys_api"
urlpatterns = [
    path("journeys/", JourneyView.as_view({"get": "list"})),
    path("journeys/<slug:slug>/", JourneyView.as_view({"get": "retrieve"})),
    path("flows/", FlowView.as_view({"get": "list"})),
    path("flows/simulate/", SimulationView.as_view()),
    path("flows/<slug:slug>/", FlowView.as_view({"get": "retrieve"})),
]
