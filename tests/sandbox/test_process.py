"""The process: how it says where it is, and how it ends."""

import json
import signal
import ssl
import subprocess

import pytest
import requests
import trustme
from websockets.sync.client import connect


def test_one_line_on_stdout_names_all_addresses(launch):
    process, where = launch()

    assert where.keys() == {"base", "oauth_url", "helix_url", "eventsub_url", "control_url"}
    assert where["eventsub_url"].startswith("ws://127.0.0.1:")
    process.terminate()
    assert process.stdout.read() == b""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_at_once_even_with_calls_and_sockets_open(launch, number):
    process, where = launch()
    with (
        connect(where["eventsub_url"], ping_interval=None, proxy=None) as socket,
        requests.get(where["control_url"] + "/state", stream=True, timeout=5),
    ):
        socket.recv(timeout=5)
        process.send_signal(number)

        assert process.wait(timeout=5) == 0


def test_it_leaves_when_the_parent_lets_go_of_stdin(launch):
    process, _ = launch("--until-stdin-closes", stdin=subprocess.PIPE)
    process.stdin.write(b"not yet")
    process.stdin.flush()
    process.stdin.close()

    assert process.wait(timeout=5) == 0


def test_a_stdin_that_is_at_its_end_already_counts_as_closed(launch):
    process, _ = launch("--until-stdin-closes", stdin=subprocess.DEVNULL)

    assert process.wait(timeout=5) == 0


def test_everything_speaks_tls_if_given_a_certificate(launch, tmp_path):
    authority = trustme.CA()
    bundle, trust = tmp_path / "host.pem", tmp_path / "ca.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(bundle))
    authority.cert_pem.write_to_path(str(trust))
    context = ssl.create_default_context(cafile=trust)

    _, where = launch("--tls-cert", str(bundle))

    state = requests.get(where["control_url"] + "/state", verify=str(trust), timeout=5)
    assert state.json()["users"] == []
    assert where["eventsub_url"].startswith("wss://")
    with connect(where["eventsub_url"], ssl=context, ping_interval=None, proxy=None) as socket:
        assert json.loads(socket.recv(timeout=5))["metadata"]["message_type"] == "session_welcome"
