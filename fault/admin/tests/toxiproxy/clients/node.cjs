// The scenarios of toxiproxy-node-client: `node.cjs PORT UPSTREAM`, an API and an echo server on 127.0.0.1.
"use strict";
const assert = require("node:assert");
const net = require("node:net");
const { Toxiproxy } = require("toxiproxy-node-client");

const [port, upstream] = process.argv.slice(2);

function echo(proxy, data) {
  return new Promise((resolve, reject) => {
    const [host, listen] = proxy.listen.split(":");
    const client = net.connect({ host, port: Number(listen) }, () => client.end(data));
    let seen = "";
    client.on("data", (part) => (seen += part));
    client.on("error", reject);
    client.on("close", () => resolve(seen));
  });
}

async function main() {
  const toxiproxy = new Toxiproxy(`http://127.0.0.1:${port}`);
  assert.match(await toxiproxy.getVersion(), /2\.\d+/);

  const proxy = await toxiproxy.createProxy({ name: "redis", listen: "localhost:0", upstream });
  assert.strictEqual(await echo(proxy, "hello"), "hello");
  assert.deepStrictEqual(Object.keys(await toxiproxy.getAll()), ["redis"]);
  await assert.rejects(toxiproxy.createProxy({ name: "redis", listen: "localhost:0", upstream }));

  const toxic = await proxy.addToxic({ type: "limit_data", attributes: { bytes: 2 } });
  assert.strictEqual(toxic.name, "limit_data_downstream");
  assert.strictEqual(await echo(proxy, "hello"), "he");
  const same = await proxy.getToxic("limit_data_downstream");
  assert.deepStrictEqual(same.attributes, { bytes: 2 });
  const changed = await same.update({ ...same.toJson(), attributes: { bytes: 4 } });
  assert.deepStrictEqual(changed.attributes, { bytes: 4 });
  assert.strictEqual(await echo(proxy, "hello"), "hell");
  await same.remove();
  await assert.rejects(proxy.getToxic("limit_data_downstream"));

  await proxy.addToxic({ type: "bandwidth", stream: "upstream", toxicity: 1, attributes: { rate: 1000 } });
  await proxy.addToxic({ type: "latency", attributes: { latency: 1, jitter: 0 } });
  assert.strictEqual(await echo(proxy, "slow"), "slow");

  const disabled = await proxy.update({ enabled: false, listen: proxy.listen, upstream });
  assert.strictEqual(disabled.enabled, false);
  await assert.rejects(echo(proxy, "refused"), { code: "ECONNREFUSED" });
  await toxiproxy.reset();
  assert.strictEqual(await echo(proxy, "again"), "again");

  const populated = await toxiproxy.populate([
    { name: "redis", listen: proxy.listen, upstream },
    { name: "second", listen: "localhost:0", upstream, enabled: false },
  ]);
  assert.deepStrictEqual(Object.keys(populated), ["redis", "second"]);
  assert.strictEqual((await toxiproxy.get("second")).enabled, false);
  for (const each of Object.values(await toxiproxy.getAll())) await each.remove();
  assert.deepStrictEqual(await toxiproxy.getAll(), {});
  console.log("done");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
