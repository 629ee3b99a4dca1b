from datetime import timedelta

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.mfa.utils import is_mfa_enabled
from django.test import Client
from django.utils import timezone

from crm.models import ApiKey, Event, FailedReaction, Shop, Source, User
from tests.crm.views.conftest import SignIn
from tests.factories.crm import CustomerFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(sign_in: SignIn) -> Client:
    return sign_in(User.Role.ADMIN, username="anya")


def test_everybody_finds_the_pages_they_may_open(admin: Client, sign_in: SignIn) -> None:
    def pages(client: Client) -> set[str]:
        return {page.url_name for page in client.get("/settings/").context["pages"] if page.url_name.startswith("crm")}

    assert pages(sign_in(User.Role.VIEWER)) == {"crm:roles"}
    assert pages(sign_in(User.Role.MANAGER)) == {"crm:roles", "crm:shop", "crm:reaction_list"}
    assert pages(admin) >= {"crm:staff_list", "crm:source_list", "crm:key_list"}


@pytest.mark.parametrize(
    "path", ["shop/", "staff/", "staff/new/", "sources/", "sources/new/", "keys/", "keys/new/", "reactions/"]
)
def test_others_do_not(sign_in: SignIn, path: str) -> None:
    assert sign_in(User.Role.MARKETER).get(f"/settings/{path}").status_code == 403


def test_the_shop_is_described_in_codes_that_exist(admin: Client) -> None:
    said = {
        "name": "Baan Suan", "time_zone": "Asia/Tokyo", "country": "jp", "currency": "jpy", "language": "th",
        "sales_see": "own", "publish_reviews": "never", "control_group": "10",
    }  # fmt: skip
    admin.post("/settings/shop/", said)
    shop = Shop.current()
    assert (shop.name, shop.time_zone, shop.country, shop.currency) == ("Baan Suan", "Asia/Tokyo", "JP", "JPY")
    assert shop.control_group == 10
    wrong = {"time_zone": "UTC+7", "country": "J1", "currency": "YEN!", "control_group": "51"}
    faulty = admin.post("/settings/shop/", said | wrong)
    assert sorted(faulty.context["form"].errors) == ["control_group", "country", "currency", "time_zone"]


class TestOnesOwn:
    def test_language_and_theme_are_switched_from_any_page(self, admin: Client) -> None:
        response = admin.post("/profile/switch/", {"language": "th", "next": "/customers/?q=a"})
        assert response["Location"] == "/customers/?q=a"
        admin.post("/profile/switch/", {"theme": "dark"})
        page = admin.get("/customers/").content.decode()
        assert '<html lang="th" data-theme="dark">' in page
        assert admin.post("/profile/switch/", {"theme": "pink"}).status_code == 400

    def test_the_profile_cannot_give_one_a_role(self, sign_in: SignIn) -> None:
        client = sign_in(User.Role.VIEWER, username="vee")
        client.post("/profile/", {"first_name": "Vee", "role": "admin", "is_superuser": "on", "theme": ""})
        vee = User.objects.get(username="vee")
        assert (vee.first_name, vee.role, vee.is_superuser, vee.shortcuts) == ("Vee", "viewer", False, False)


class TestStaff:
    def test_a_colleague_gets_an_account_with_a_password_that_is_no_word(self, admin: Client) -> None:
        said = {"username": "nok", "first_name": "Nok", "role": "support", "email": "nok@example.com"}
        assert admin.post("/settings/staff/new/", said | {"password": "password123"}).status_code == 422
        admin.post("/settings/staff/new/", said | {"password": "seven-blue-kettles"})
        nok = User.objects.get(username="nok")
        assert (nok.role, nok.is_superuser, nok.check_password("seven-blue-kettles")) == ("support", False, True)
        assert admin.post("/settings/staff/new/", said | {"password": "seven-blue-kettles"}).status_code == 422

    def test_somebody_stays_administrator(self, admin: Client) -> None:
        said = {"first_name": "Anya", "role": "viewer", "is_active": "on"}
        refused = admin.post("/settings/staff/anya/", said)
        assert refused.status_code == 422
        assert "Somebody has to stay administrator." in refused.content.decode()
        assert admin.get("/settings/staff/nobody/").status_code == 404
        UserFactory(role=User.Role.ADMIN)
        admin.post("/settings/staff/anya/", said)
        assert User.objects.get(username="anya").role == "viewer"

    def test_who_may_not_sign_in_any_more_is_out_at_once(self, admin: Client, sign_in: SignIn) -> None:
        client = sign_in(User.Role.SALES, username="ton")
        admin.post("/settings/staff/ton/", {"first_name": "Ton", "role": "sales"})
        assert client.get("/customers/").status_code == 302

    def test_who_lost_their_phone_gets_in_with_the_password_alone(self, admin: Client, sign_in: SignIn) -> None:
        nok = UserFactory(username="nok")
        assert "Not set up." in admin.get("/settings/staff/nok/").content.decode()
        TOTP.activate(nok, generate_totp_secret())
        assert 'action="/settings/staff/nok/second-step/"' in admin.get("/settings/staff/nok/").content.decode()
        assert sign_in(User.Role.MANAGER).post("/settings/staff/nok/second-step/").status_code == 403
        assert is_mfa_enabled(nok)
        assert admin.post("/settings/staff/nok/second-step/")["Location"] == "/settings/staff/nok/"
        assert not is_mfa_enabled(nok)
        assert admin.post("/settings/staff/nobody/second-step/").status_code == 404


class TestPrograms:
    def test_a_source_is_made_switched_off_and_given_a_new_key(self, admin: Client) -> None:
        said = {"name": "Web shop", "slug": "web", "kind": "segment", "mode": "lenient"}
        admin.post("/settings/sources/new/", said | {"allowed_origins": "https://a.example\n\n https://b.example"})
        source = Source.objects.get()
        assert source.allowed_origins == ["https://a.example", "https://b.example"]
        admin.post("/settings/sources/web/", {"wish": "new-key"})
        admin.post("/settings/sources/web/", {"wish": "off"})
        changed = Source.objects.get()
        assert (changed.is_active, changed.write_key != source.write_key) == (False, True)
        assert admin.post("/settings/sources/web/", {"wish": "dance"}).status_code == 400
        assert admin.post("/settings/sources/new/", said).status_code == 422  # the slug is taken

    def test_a_new_source_shows_at_once_how_to_connect(self, admin: Client) -> None:
        made = admin.post("/settings/sources/new/", {"name": "Web shop", "slug": "web", "mode": "strict"}, follow=True)
        page, source = made.content.decode(), Source.objects.get()
        assert (source.kind, source.mode) == ("segment", "strict")
        assert "<details open>" in page
        assert f"/v1/track -u {source.write_key}:" in page
        assert "<details open>" not in admin.get("/settings/sources/").content.decode()

    @pytest.mark.parametrize("slug", ["api", "staff", "waymark"])
    def test_a_source_cannot_pass_for_one_of_our_own(self, admin: Client, slug: str) -> None:
        answer = admin.post("/settings/sources/new/", {"name": "Web shop", "slug": slug, "mode": "strict"})
        assert answer.status_code == 422
        assert answer.context["form"].errors == {"slug": ["This name is one of our own; choose another."]}
        assert not Source.objects.exists()

    def test_a_source_is_changed_but_for_its_short_name(self, admin: Client) -> None:
        source = Source.objects.create(name="Web shop", slug="web", allowed_origins=["https://a.example"])
        form = admin.get("/settings/sources/web/edit/").context["form"]
        assert (list(form.fields), form["allowed_origins"].value()) == (
            ["name", "mode", "allowed_origins"],
            "https://a.example",
        )
        said = {"name": "Shop", "mode": "strict", "allowed_origins": "https://b.example/", "slug": "other"}
        admin.post("/settings/sources/web/edit/", said)
        changed = Source.objects.get()
        assert (changed.name, changed.slug, changed.mode) == ("Shop", "web", "strict")
        assert changed.allowed_origins == ["https://b.example"]
        assert changed.write_key == source.write_key

    @pytest.mark.parametrize("origin", ["shop.example", "https://shop.example/path", "*", "javascript:alert(1)"])
    def test_an_origin_is_what_browsers_send_as_one(self, admin: Client, origin: str) -> None:
        said = {"name": "Web shop", "slug": "web", "mode": "strict", "allowed_origins": origin}
        assert admin.post("/settings/sources/new/", said).context["form"].errors == {
            "allowed_origins": [f"“{origin}” is no origin: https:// and the name of a site, no path."]
        }

    def test_a_keys_secret_is_shown_once_and_kept_nowhere(self, admin: Client) -> None:
        said = {"name": "Warehouse", "scopes": ["purchases:write"], "source": "api", "allowed_ips": "10.0.0.0/8"}
        made = admin.post("/settings/keys/new/", said)
        key = ApiKey.objects.get()
        secret = made.context["made"].secret
        assert secret in made.content.decode()
        assert made["Cache-Control"] == "no-store"
        assert (key.hashed, key.scopes, key.allowed_ips) == (ApiKey.digest(secret), ["purchases:write"], ["10.0.0.0/8"])
        assert secret not in admin.get("/settings/keys/").content.decode()

    def test_a_key_with_nonsense_is_not_made(self, admin: Client) -> None:
        said = {"name": "Warehouse", "scopes": ["purchases:write"], "source": "api"}
        for change in (
            {"allowed_ips": "10.0.0.0/8\neverywhere"},
            {"scopes": ["users:manage"]},
            {"scopes": []},
            {"source": "a b"},
            {"source": "staff"},
            {"expires_on": "2020-01-01"},
        ):
            answer = admin.post("/settings/keys/new/", said | change)
            assert (answer.status_code, list(answer.context["form"].errors)) == (422, list(change))
        assert not ApiKey.objects.exists()

    def test_a_revoked_key_is_dead_and_stays_on_the_list(self, admin: Client) -> None:
        admin.post("/settings/keys/new/", {"name": "Old", "scopes": ["events:write"], "source": "api"})
        key = ApiKey.objects.get()
        admin.post(f"/settings/keys/{key.prefix}/revoke/")
        key.refresh_from_db()
        assert not key.is_live(timezone.now())
        assert "revoked" in admin.get("/settings/keys/").content.decode()

    def test_the_list_tells_keys_apart_and_which_of_them_are_in_use(self, admin: Client) -> None:
        said = {"name": "Warehouse", "scopes": ["purchases:write"], "source": "stock", "allowed_ips": "10.0.0.0/8"}
        admin.post("/settings/keys/new/", said | {"expires_on": "2999-12-31"})
        key = ApiKey.objects.get()
        page = admin.get("/settings/keys/").content.decode()
        shown = (key.prefix, "never used", "purchases:write", "<code>stock</code>", "<code>10.0.0.0/8</code>", "2999")
        assert [text for text in shown if text not in page] == []
        ApiKey.objects.update(last_used_at=timezone.now() - timedelta(hours=2))
        assert "2 hours ago" in admin.get("/settings/keys/").content.decode()


def test_failed_reactions_are_shown_and_tried_again_on_demand(manager: Client) -> None:
    CustomerFactory()
    now = timezone.now()
    FailedReaction.objects.create(
        event=Event.objects.get(name="Customer Created"), receiver="gone.receiver", error="boom", failed_at=now,
        retry_at=now + timedelta(days=1),
    )  # fmt: skip
    assert "boom" in manager.get("/settings/reactions/").content.decode()
    manager.post("/settings/reactions/retry/")
    assert not FailedReaction.objects.open().exists()


def test_the_table_of_roles_is_the_one_the_code_asks(manager: Client) -> None:
    rows = dict(manager.get("/settings/roles/").context["rows"])
    assert {str(label): cells for label, cells in rows.items()}["Merge customers"] == [
        True, True, False, False, False, False,
    ]  # fmt: skip
