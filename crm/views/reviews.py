"""Reviews: read before they are published, answered, and collected from other sites."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import get_random_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from crm.access.guards import staff_of, staff_required
from crm.forms.base import refuse
from crm.forms.reviews import OutsideReviewForm, ReplyForm
from crm.lib.htmx import render_page
from crm.lib.paging import Sort, bounded_count
from crm.models import Review
from crm.services import reviews
from crm.views.customers import visible as visible_customer
from crm.views.parts import choice_of, done, found, next_url, page_of, posted

NEWEST_FIRST = Sort("reviewed_at")
ANSWERED = [("no", gettext_lazy("without our answer")), ("yes", gettext_lazy("answered"))]
RATINGS = [(str(n), "★" * n) for n in range(5, 0, -1)]


@require_GET
@staff_required("reviews.view")
def review_list(request: HttpRequest) -> HttpResponse:
    """Reviews as people read them, each with its buttons. `?review=` shows just the one."""
    return _show(request)


def _show(request: HttpRequest, *, faulty: Review | None = None, form: forms.Form | None = None) -> HttpResponse:
    choices = [
        choice_of(request, "status", _("Status"), Review.Status.choices),
        choice_of(request, "rating", _("Stars"), RATINGS),
        choice_of(request, "site", _("Where"), Review.Site.choices),
        choice_of(request, "answered", _("Our answer"), ANSWERED),
    ]
    rows: QuerySet[Review] = Review.objects.visible_to(staff_of(request))
    for choice in choices:
        if choice.param == "answered" and choice.value:
            rows = rows.filter(reply="") if choice.value == "no" else rows.exclude(reply="")
        elif choice.value:
            rows = rows.filter(**{choice.param: choice.value})
    single = _one(request, faulty)
    if single:
        rows = rows.filter(public_id=single)
    page = page_of(request, rows.select_related("customer", "purchase", "product", "replied_by"), NEWEST_FIRST, size=20)
    context: dict[str, Any] = {
        "page": page,
        "total": bounded_count(rows),
        "single": single,
        "choices": choices,
        "chosen": [choice for choice in choices if choice.value],
        "reply_form": ReplyForm(auto_id=False),
        "faulty_form": form,
    }
    return render_page(request, "crm/review_list.html", context, status=422 if form is not None else 200)


def _one(request: HttpRequest, faulty: Review | None) -> UUID | None:
    if faulty:
        return faulty.public_id
    try:
        return UUID(request.GET["review"]) if "review" in request.GET else None
    except ValueError:
        return None


@require_GET
@staff_required("reviews.view")
def review_unanswered(request: HttpRequest) -> HttpResponse:
    """Where Today's "reviews to answer" leads."""
    return HttpResponseRedirect(f"{reverse('crm:review_list')}?status=published&answered=no")


def visible(request: HttpRequest, public_id: UUID) -> Review:
    rows = Review.objects.visible_to(staff_of(request))
    return found(rows.select_related("customer", "product", "purchase"), public_id)


@require_POST
@staff_required("reviews.moderate")
def review_publish(request: HttpRequest, public_id: UUID) -> HttpResponse:
    reviews.publish_review(visible(request, public_id), now=timezone.now())
    return done(request, _("The review is published."), _back(request))


@require_POST
@staff_required("reviews.moderate")
def review_reject(request: HttpRequest, public_id: UUID) -> HttpResponse:
    reviews.reject_review(visible(request, public_id), now=timezone.now())
    return done(request, _("The review is kept, unseen."), _back(request))


@require_POST
@staff_required("reviews.moderate")
def review_reply(request: HttpRequest, public_id: UUID) -> HttpResponse:
    review = visible(request, public_id)
    form = ReplyForm(request.POST)
    if form.is_valid():
        try:
            reviews.reply_to_review(review, form.cleaned_data["text"], actor=staff_of(request), now=timezone.now())
        except reviews.InvalidReview as error:
            refuse(form, error)
        else:
            return done(request, _("Your answer is on the review."), _back(request))
    return _show(request, faulty=review, form=form)


def _back(request: HttpRequest) -> str:
    return next_url(request, reverse("crm:review_list"))


@require_http_methods(["GET", "POST"])
@staff_required("reviews.moderate")
def review_create(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """A customer praised or blamed us elsewhere: Facebook, Google, Pantip, LINE."""
    customer = visible_customer(request, public_id)
    form = OutsideReviewForm(posted(request))
    if request.method == "POST" and form.is_valid():
        said, now = form.cleaned_data, timezone.now()
        written = said["reviewed_on"]
        at = timezone.make_aware(datetime.combine(written, time(12))) if written else now
        try:
            reviews.submit_review(
                customer=customer, source="staff", reference=said["url"][:120] or f"staff-{get_random_string(12)}",
                rating=said["rating"], body=said["body"], site=said["site"], url=said["url"],
                reviewed_at=min(at, now), now=now,
            )  # fmt: skip
        except reviews.InvalidReview as error:
            refuse(form, error)
        else:
            return done(request, _("The review is on record."), customer.get_absolute_url())
    return render(
        request, "crm/review_new.html", {"form": form, "customer": customer}, status=422 if form.errors else 200
    )
