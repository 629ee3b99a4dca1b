from typing import Any

import pytest

from messaging.channels.answers import reply_domain_faults
from messaging.channels.base import ConfigFault
from messaging.providers.smtp import SmtpProvider


@pytest.mark.parametrize("domain", ["reply.shop.example", "xn--12c1fe0br.example", ""])
def test_a_domain_is_taken(domain: str) -> None:
    assert reply_domain_faults({"reply_domain": domain}) == []
    assert SmtpProvider.check({"reply_domain": domain}) == []


@pytest.mark.parametrize("domain", ["a@b.example", "a b", "x\r\nBcc: y", 7, None, ["a"]])
def test_anything_else_is_a_fault_of_that_setting(domain: Any) -> None:
    (fault,) = reply_domain_faults({"reply_domain": domain})
    assert isinstance(fault, ConfigFault)
    assert fault.path == "reply_domain"
