"""The scenarios of toxiproxy-python: `python.py PORT UPSTREAM`, an API and an echo server on 127.0.0.1."""

import socket
import sys

from toxiproxy import Toxiproxy
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists

port, upstream = int(sys.argv[1]), sys.argv[2]
server = Toxiproxy()
server.update_api_consumer("127.0.0.1", port)


def connect(proxy):
    host, _, listen = proxy.listen.rpartition(":")
    client = socket.create_connection((host, int(listen)), timeout=10)
    return client


def echo(proxy, data):
    with connect(proxy) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        seen = b""
        while part := client.recv(1024):
            seen += part
        return seen


def fails(kind, act):
    try:
        act()
    except kind:
        return
    raise AssertionError("%s was expected" % kind.__name__)


assert server.running()
assert b"2." in server.version()

proxy = server.create(name="redis", upstream=upstream)
assert proxy.enabled and not proxy.listen.endswith(":0")
assert set(server.proxies()) == {"redis"}
assert server.get_proxy("redis").upstream == upstream
assert echo(proxy, b"hello") == b"hello"
fails(ProxyExists, lambda: server.create(name="redis", upstream=upstream))

proxy.add_toxic(type="limit_data", attributes={"bytes": 2})
assert proxy.get_toxic("limit_data_downstream").attributes == {"bytes": 2}
assert echo(proxy, b"hello") == b"he"
fails(ProxyExists, lambda: proxy.add_toxic(type="limit_data", attributes={"bytes": 2}))
fails(InvalidToxic, lambda: proxy.add_toxic(type="unknown"))
fails(InvalidToxic, lambda: proxy.add_toxic(type="latency", stream="sideways"))
proxy.destroy_toxic("limit_data_downstream")
assert proxy.get_toxic("limit_data_downstream") is None
fails(NotFound, lambda: proxy.destroy_toxic("limit_data_downstream"))

for kind, attributes in {
    "latency": {"latency": 1, "jitter": 1},
    "bandwidth": {"rate": 1000},
    "slow_close": {"delay": 1},
    "slicer": {"average_size": 2, "size_variation": 1, "delay": 1},
}.items():
    proxy.add_toxic(type=kind, name=kind, attributes=attributes, toxicity=1.0)
    toxic = proxy.get_toxic(kind)
    assert (toxic.type, toxic.stream, toxic.toxicity) == (kind, "downstream", 1.0)
    assert toxic.attributes == attributes
assert echo(proxy, b"through four toxics") == b"through four toxics"

with proxy.down():
    assert not server.get_proxy("redis").enabled
    fails(ConnectionRefusedError, lambda: connect(proxy))
assert echo(proxy, b"up") == b"up"

server.reset()
assert proxy.toxics() == {}
server.populate([{"name": "second", "upstream": upstream, "listen": "127.0.0.1:0"}])
assert set(server.proxies()) == {"redis", "second"}
server.destroy_all()
assert server.proxies() == {}
print("done")
