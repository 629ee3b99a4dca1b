"""The pages of journeys."""

from django.urls import path

from journeys.views import builder, cohorts, flows, funnel, gallery, people, publishing, rules, stages

app_name = "journeys"
urlpatterns = [
    path("journeys/", stages.journey_map, name="map"),
    path("journeys/map/<slug:slug>/", stages.journey_map, name="journey"),
    path("journeys/board/", stages.board, name="boards"),
    path("journeys/map/<slug:slug>/board/", stages.board, name="board"),
    path("journeys/map/<slug:slug>/funnel/", funnel.funnel, name="funnel"),
    path("journeys/map/<slug:slug>/cohorts/", cohorts.cohorts, name="cohorts"),
    path("journeys/map/<slug:slug>/people/", people.people, name="people"),
    path("journeys/map/<slug:slug>/rules/", rules.rule_list, name="rule_list"),
    path("journeys/map/<slug:slug>/rules/new/", rules.rule_new, name="rule_new"),
    path("journeys/map/<slug:slug>/replay/", rules.replay, name="replay"),
    path("journeys/rules/<int:number>/", rules.rule_edit, name="rule_edit"),
    path("journeys/customers/<uuid:public_id>/move/", stages.move, name="move"),
    path("journeys/customers/<uuid:public_id>/enrol/", flows.enrol, name="enrol"),
    path("journeys/flows/", flows.flow_list, name="flow_list"),
    path("journeys/flows/new/", gallery.gallery, name="gallery"),
    path("journeys/flows/new/<slug:preset>/", gallery.use, name="gallery_use"),
    path("journeys/flows/<slug:slug>/", flows.flow_detail, name="flow_detail"),
    path("journeys/flows/<slug:slug>/copy/", gallery.copy, name="flow_copy"),
    path("journeys/flows/<slug:slug>/edit/", builder.builder, name="builder"),
    path("journeys/flows/<slug:slug>/edit/act/", builder.act, name="builder_act"),
    path("journeys/flows/<slug:slug>/edit/add/", builder.add_step, name="builder_add"),
    path("journeys/flows/<slug:slug>/edit/json/", builder.definition, name="builder_json"),
    path("journeys/flows/<slug:slug>/edit/names/", builder.names, name="builder_names"),
    path("journeys/flows/<slug:slug>/edit/step/<path:step>/", builder.save_step, name="builder_step"),
    path("journeys/flows/<slug:slug>/edit/term/<slug:key>/", builder.save_term, name="builder_term"),
    path("journeys/flows/<slug:slug>/publish/", publishing.flow_publish, name="flow_publish"),
    path("journeys/flows/<slug:slug>/archive/", publishing.flow_archive, name="flow_archive"),
    path("journeys/flows/<slug:slug>/pause/", flows.flow_pause, name="flow_pause"),
    path("journeys/flows/<slug:slug>/resume/", flows.flow_resume, name="flow_resume"),
    path("journeys/flows/<slug:slug>/runs/", flows.run_list, name="run_list"),
    path("journeys/runs/<int:number>/", flows.run_detail, name="run_detail"),
    path("journeys/runs/<int:number>/retry/", flows.run_retry, name="run_retry"),
]
