"""The guards that keep the gateway closed to everyone else, each with the test that misses it.

`python -m chaos.mutants security` shows them alone.
"""

from __future__ import annotations

from chaos.mutant import CHASSIS, Mutant

GATEWAY = "services/gateway/src/gateway"
VENDORS = "services/_vendors/src/vendors"
REST = "tests/contract/rest"

SECURITY = (
    Mutant(
        "security tenant isolation",
        f"{GATEWAY}/rest/api.py",
        "        if not principal.sees(tenant):\n",
        "        if not tenant:\n",
        test=f"{REST}/test_isolation.py::test_to_another_tenants_key_the_tenant_does_not_exist",
    ),
    Mutant(
        "security scope of a key",
        f"{GATEWAY}/rest/api.py",
        "        if not principal.may(scope, tenant):\n",
        "        if not scope:\n",
        test=f"{REST}/test_isolation.py"
        "::test_a_reader_changes_nothing[DELETE-/v1/tenants/{tenant}/keys/{key_id}]",
    ),
    Mutant(
        "security scopes of a new key",
        f"{GATEWAY}/rest/routes_tenants.py",
        "    if not caller.principal.scopes >= set(asked.scopes):\n",
        "    if not asked.scopes:\n",
        test=f"{REST}/test_escalation.py::test_a_key_makes_no_key_that_may_do_more",
    ),
    Mutant(
        "security both factors",
        f"{GATEWAY}/rest/api.py",
        '    if session is None or session.state != "open" or session.person is None:\n',
        "    if session is None or session.person is None:\n",
        test=f"{REST}/test_break_in.py::test_a_password_alone_opens_nothing",
    ),
    Mutant(
        "security a code opens once",
        f"{GATEWAY}/signin/totp.py",
        " and step > last:\n",
        ":\n",
        test=f"{REST}/test_sign_in.py::test_a_code_opens_once",
    ),
    Mutant(
        "security lock-out",
        f"{GATEWAY}/signin/attempts.py",
        "            if len(times) >= most:\n",
        "            if len(times) >= 1_000_000:\n",
        test=f"{REST}/test_sign_in.py::test_an_account_is_locked_after_some_failures",
    ),
    Mutant(
        "security lock-out of the person",
        f"{GATEWAY}/signin/devices.py",
        "        known = await self.knows(secret, person)\n",
        "        known = False\n",
        test=f"{REST}/test_break_in.py"
        "::test_who_tries_from_elsewhere_locks_the_person_out_of_no_known_device",
    ),
    Mutant(
        "security another site's request",
        f"{GATEWAY}/rest/cookies.py",
        "    if not _from_ours(request, origin, unsaid=False):\n",
        "    if not origin:\n",
        test=f"{REST}/test_break_in.py::test_another_site_changes_nothing_of_a_tenant",
    ),
    Mutant(
        "security addresses of our own",
        f"{CHASSIS}/http.py",
        "    return not any(address in network for network in _REFUSED)\n",
        "    return True\n",
        test="tests/unit/vendors/test_http.py::test_an_inner_address_is_refused",
    ),
    Mutant(
        "security the address that was checked",
        f"{CHASSIS}/http.py",
        "                url.copy_with(host=address),\n",
        "                url,\n",
        test="tests/unit/vendors/test_http.py"
        "::test_the_connection_goes_to_the_address_that_was_checked",
    ),
    Mutant(
        "security credentials for one address",
        f"{VENDORS}/connections.py",
        "        if address != base and self.sandbox is None:\n",
        "        if not base:\n",
        test=f"{REST}/test_credentials.py::test_a_changed_address_gets_no_credentials",
    ),
    Mutant(
        "security redaction of what a vendor quotes",
        f"{VENDORS}/outcomes.py",
        "            text = text.replace(form, HIDDEN)\n",
        "            text = text.replace(form, form)\n",
        test="tests/e2e/gateway/test_redaction.py::test_no_secret_is_said_sent_on_or_kept_readable",
    ),
    Mutant(
        "security sealing",
        f"{CHASSIS}/vault.py",
        " nonce=nonce.hex(), content=content.hex()\n",
        " nonce=nonce.hex(), content=content.hex() + secret.get_secret_value()\n",
        also=(
            "                bytes.fromhex(stored.content),\n",
            '                bytes.fromhex(stored.content.partition("{")[0]),\n',
        ),
        test="tests/e2e/gateway/test_redaction.py::test_no_secret_is_said_sent_on_or_kept_readable",
    ),
    Mutant(
        "security entries of the audit log stay",
        f"{CHASSIS}/records.py",
        "    if collection in APPEND_ONLY:\n",
        "    if not collection:\n",
        test="tests/contract/store/test_records.py"
        "::test_what_is_only_added_to_is_neither_changed_nor_deleted",
    ),
    Mutant(
        "security rate of requests",
        f"{GATEWAY}/rest/rates.py",
        "    if not taken.allowed:\n",
        "    if taken.limit < 1:\n",
        test=f"{REST}/test_rates.py::test_a_key_that_asks_too_much_waits_and_another_does_not",
    ),
)
