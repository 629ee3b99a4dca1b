"""The pages of journeys."""

from django.urls import path

from journeys.views import flows, rules, stages

app_name = "journeys"
urlpatterns = [
    path("journeys/", stages.journey_map, name="map"),
    path("journeys/map/<slug:slug>/", stages.journey_map, name="journey"),
    path("journeys/map/<slug:slug>/rules/", rules.rule_list, name="rule_list"),
    path("journeys/map/<slug:slug>/rules/new/", rules.rule_new, name="rule_new"),
    path("journeys/map/<slug:slug>/replay/", rules.replay, name="replay"),
    path("journeys/rules/<int:number>/", rules.rule_edit, name="rule_edit"),
    path("journeys/customers/<uuid:public_id>/move/", stages.move, name="move"),
    path("journeys/customers/<uuid:public_id>/enrol/", flows.enrol, name="enrol"),
    path("journeys/flows/", flows.flow_list, name="flow_list"),
    path("journeys/flows/<slug:slug>/", flows.flow_detail, name="flow_detail"),
    path("journeys/flows/<slug:slug>/publish/", flows.flow_publish, name="flow_publish"),
    path("journeys/flows/<slug:slug>/pause/", flows.flow_pause, name="flow_pause"),
    path("journeys/flows/<slug:slug>/resume/", flows.flow_resume, name="flow_resume"),
    path("journeys/flows/<slug:slug>/runs/", flows.run_list, name="run_list"),
    path("journeys/runs/<int:number>/", flows.run_detail, name="run_detail"),
    path("journeys/runs/<int:number>/retry/", flows.run_retry, name="run_retry"),
]
