// The console in a real browser: node console.mjs PROGRAM MODULES SCREENSHOTS
//
// PROGRAM is the example `console`, MODULES the folder of playwright-core and axe-core, SCREENSHOTS the folder that the
// pictures are written to (none are written without it).

import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { readFileSync } from "node:fs";
import assert from "node:assert/strict";

const [program, modules, screenshots] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core"), "utf8");

const TOKEN = "token-of-the-browser-test";
const step = text => console.log(`- ${text}`);

/** Starts the program; it is found to be ready by its first line. */
async function start(address) {
  const child = spawn(program, [address], { env: { ...process.env, WAYLAY_ADMIN_TOKEN: TOKEN, EXAMPLE_FLEET: "1" }, stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout });
  const [line] = await new Promise((resolve, reject) => {
    lines.once("line", line => resolve([line]));
    child.once("exit", code => reject(new Error(`the program ended with ${code}`)));
  });
  return { child, url: line.trim() };
}

async function stop({ child }) {
  const ended = new Promise(resolve => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
}

async function noViolations(page, what) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run());
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(node => node.html).join("\n  ")}`);
  assert.deepEqual(found, [], what);
}

async function picture(page, name, options = {}) {
  if (screenshots) await page.screenshot({ path: `${screenshots}/${name}.png`, ...options });
}

/** The number after a name in the legend of a chart. */
async function legend(page, chart, name) {
  const label = await page.getByRole("img", { name: new RegExp(`^${chart}`) }).getAttribute("aria-label");
  const found = label.match(new RegExp(`${name} ([0-9.]+)`));
  return found ? Number(found[1]) : 0;
}

/** Waits until a condition holds; there is no other limit of time than that of the whole test. */
async function until(page, what, holds) {
  for (;;) {
    if (await holds()) return;
    await page.waitForTimeout(100);
  }
}

let server = await start("127.0.0.1:0");
const { host, origin } = new URL(server.url);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
const errors = [];

try {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, colorScheme: "light" });
  // axe is put into the page, which the policy of the page forbids to others.
  const page = await context.newPage();
  page.on("pageerror", error => errors.push(error.message));
  page.on("console", message => { if (message.type() === "error" && !/ERR_|40[19]|412/.test(message.text())) errors.push(message.text()); });
  page.on("request", request => { if (!request.url().startsWith(origin) && !request.url().startsWith("data:")) errors.push(request.url()); });

  step("axe finds what is wrong");
  await page.setContent("<title>x</title><img src='data:,'><input>");
  await assert.rejects(noViolations(page, "an image without a text"), /image-alt/);

  step("load");
  await page.goto(origin);
  await page.getByText("live", { exact: true }).waitFor();
  await page.getByRole("switch", { name: "slow-cart" }).waitFor();
  await noViolations(page, "before signing in");

  step("sign in, with a wrong token first");
  await page.getByRole("switch", { name: "slow-cart" }).click();
  await page.getByLabel("Token").fill("a-wrong-token-of-16");
  await page.getByRole("dialog").getByRole("button", { name: "Sign in" }).click();
  await page.getByText("the token is not the one of this process").waitFor();
  await noViolations(page, "sign-in dialog");
  await page.getByLabel("Token").fill(TOKEN);
  await page.keyboard.press("Enter");

  step("the fault is on, and its line rises");
  await page.getByRole("switch", { name: "slow-cart", checked: true }).waitFor();
  await until(page, "injections", async () => await legend(page, "Injections by fault", "slow-cart") > 0);
  await until(page, "responses", async () => await legend(page, "Responses", "injected") > 0);

  step("participation by the keyboard");
  const share = page.getByLabel("Participation of slow-cart in percent, exact");
  await share.fill("40");
  await share.press("Tab");
  await page.getByText("slow-cart: participation 40 %").waitFor();
  await until(page, "the API", async () => (await (await fetch(`${origin}/faults/slow-cart`)).json()).participation === 0.4);

  step("a switch by the keyboard, and its undo");
  await page.getByRole("switch", { name: "failed-orders" }).focus();
  await page.keyboard.press("Space");
  await page.getByRole("switch", { name: "failed-orders", checked: true }).waitFor();
  await page.locator(".toast", { hasText: "failed-orders: switched on" }).getByRole("button", { name: "Undo" }).click();
  await page.getByRole("switch", { name: "failed-orders", checked: false }).waitFor();
  for (const name of ["failed-orders", "flaky-search"]) {
    await page.getByRole("switch", { name }).click();
    await page.getByRole("switch", { name, checked: true }).waitFor();
  }

  step("limits and skip reasons");
  const card = page.locator(".fault", { hasText: "flaky-search" });
  await card.getByText("Limits and skip reasons").click();
  await card.getByText("skipped: not selected").waitFor();
  await card.getByLabel("At most").fill("900");
  await card.getByRole("button", { name: "Set limits" }).click();
  await page.getByText("flaky-search: limits set").waitFor();
  await noViolations(page, "with open limits");
  if (screenshots) await page.waitForTimeout(60000);
  await page.evaluate(() => document.querySelectorAll(".toast").forEach(toast => toast.remove()));
  await page.evaluate(() => scrollTo(0, 0));
  await page.setViewportSize({ width: 1280, height: 1330 });
  await page.waitForTimeout(1500);
  await picture(page, "console-light");
  await page.setViewportSize({ width: 1280, height: 900 });

  step("tabs by the keyboard");
  await page.getByRole("tab", { name: "Faults" }).focus();
  await page.keyboard.press("ArrowRight");
  const text = page.getByLabel("Text of the plan");
  await until(page, "the plan", async () => (await text.inputValue()).includes("slow-cart"));

  step("a broken plan shows its error in place");
  const plan = await text.inputValue();
  await text.fill(plan.replace("participation = 0.4", "participation = 25").replace("[[fault]]\nname = \"lost-cart\"", "[[fault]]\nnmae = \"lost-cart\""));
  await page.locator(".marks .lens", { hasText: "25 is out of range" }).waitFor();
  await page.locator(".marks mark", { hasText: "25" }).waitFor();
  await page.locator(".lines .wrong").first().waitFor();
  assert.equal(await text.getAttribute("aria-invalid"), "true");
  const line = plan.split("\n").findIndex(line => line === "participation = 0.4") + 1;
  await page.locator("#plan-errors").getByRole("button", { name: `${line}:` }).click();
  assert.equal(await text.evaluate(field => field.value.slice(field.selectionStart, field.selectionEnd)), "25");
  await noViolations(page, "plan with errors");
  await picture(page, "console-plan");
  await page.getByRole("button", { name: "Review and apply" }).click();
  await page.getByText("The plan has errors; none is applied.").waitFor();

  step("a plan is compared, and applied");
  await text.fill(plan.replace("participation = 0.4", "participation = 0.3"));
  await page.getByText("valid, not applied").waitFor();
  await page.getByRole("button", { name: "Review and apply" }).click();
  await page.locator(".diff .removed", { hasText: "participation = 0.4" }).waitFor();
  await page.locator(".diff .added", { hasText: "participation = 0.3" }).waitFor();
  await noViolations(page, "comparison");
  await page.getByRole("button", { name: "Apply", exact: true }).click();
  await page.getByText("The plan runs as revision 2.").waitFor();

  step("a plan that was changed elsewhere is not overwritten");
  await text.fill((await text.inputValue()).replace("participation = 0.3", "participation = 0.2"));
  const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
  const changed = await fetch(`${origin}/faults/slow-cart`, { method: "PATCH", headers, body: '{"participation":0.35}' });
  assert.equal(changed.status, 200);
  await page.getByText("The running plan was changed since it was loaded here.").waitFor();
  await page.getByRole("button", { name: "Review and apply" }).click();
  await page.getByRole("button", { name: "Apply", exact: true }).click();
  await page.locator("#diff-error", { hasText: "the plan was changed since" }).waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: "Load the running plan" }).click();
  await until(page, "the plan", async () => (await text.inputValue()).includes("participation = 0.35"));

  step("explain");
  await page.getByRole("tab", { name: "Explain" }).click();
  await page.getByLabel("Path or URL").fill("/orders");
  await page.getByRole("button", { name: "Explain", exact: true }).click();
  await page.getByRole("row", { name: /slow-cart/ }).getByText("no match").waitFor();
  await noViolations(page, "explanation");
  await page.getByRole("tab", { name: "Routes" }).click();
  await page.getByRole("row", { name: /\/cart\/\{id\}/ }).waitFor();
  await noViolations(page, "routes");

  step("the fleet, by the keyboard");
  await page.getByRole("tab", { name: "Routes" }).press("ArrowRight");
  await page.getByRole("row", { name: /made-up-2/ }).getByText("stopped").waitFor();
  await page.getByRole("rowheader", { name: "console (this process)" }).waitFor();
  await page.getByText("3 replicas, 3 on revision 2").waitFor();
  await noViolations(page, "fleet");

  step("halt, undo, halt, resume");
  await page.getByRole("button", { name: "Halt all faults" }).click();
  await page.getByText("Every fault of this process is halted").waitFor();
  await until(page, "the API", async () => (await (await fetch(`${origin}/health`)).json()).is_halted);
  await page.locator(".toast", { hasText: "Every fault is halted." }).getByRole("button", { name: "Undo" }).click();
  await page.getByRole("button", { name: "Halt all faults" }).waitFor();
  await page.getByRole("button", { name: "Halt all faults" }).click();
  await page.getByRole("button", { name: "Resume faults" }).waitFor();
  await noViolations(page, "halted");
  await page.getByRole("button", { name: "Resume faults" }).click();
  await page.getByRole("button", { name: "Halt all faults" }).waitFor();
  assert.equal((await (await fetch(`${origin}/health`)).json()).is_halted, false);

  step("events");
  await page.getByRole("tab", { name: "Events" }).click();
  await page.getByLabel("Show").selectOption("set");
  await page.getByText("every fault halted by the admin API: console").first().waitFor();
  await noViolations(page, "events");
  await picture(page, "console-events");

  step("the page survives a restart of the server");
  await stop(server);
  await page.getByText("reconnecting").waitFor();
  server = await start(host);
  await page.getByText("live", { exact: true }).waitFor();
  await page.getByText("the process was restarted").waitFor();
  await page.getByText("faults applied: revision 1, 4 faults").first().waitFor();
  await page.getByRole("tab", { name: "Faults" }).click();
  await page.getByRole("switch", { name: "slow-cart", checked: false }).waitFor();

  step("dark and narrow");
  for (const name of ["slow-cart", "flaky-search"]) {
    await page.getByRole("switch", { name }).click();
    await page.getByRole("switch", { name, checked: true }).waitFor();
  }
  if (screenshots) await page.waitForTimeout(30000);
  await page.evaluate(() => document.querySelectorAll(".toast").forEach(toast => toast.remove()));
  await page.emulateMedia({ colorScheme: "dark" });
  await page.locator(".fault", { hasText: "flaky-search" }).getByText("Limits and skip reasons").click();
  await noViolations(page, "dark");
  await page.evaluate(() => scrollTo(0, 0));
  await picture(page, "console-dark");
  await page.setViewportSize({ width: 360, height: 800 });
  await page.waitForTimeout(300);
  for (const tab of ["Plan", "Events", "Explain", "Routes", "Fleet", "Faults"]) {
    await page.getByRole("tab", { name: tab }).click();
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(overflow <= 0, `${tab} is ${overflow} px too wide at 360 px`);
    await noViolations(page, `${tab}, narrow`);
  }
  await picture(page, "console-narrow", { fullPage: false });

  step("the token of the printed address signs in, and leaves the address bar");
  const other = await context.newPage();
  await other.goto(server.url);
  await other.getByRole("button", { name: "Sign out" }).waitFor();
  assert.equal(new URL(other.url()).hash.includes("token"), false);
  await other.close();

  step("a page of another site reaches nothing");
  await anotherSite(context);

  assert.deepEqual(errors, []);
} finally {
  await browser.close();
  await stop(server);
}
console.log("all steps passed");

/** A page on another origin tries to read, to change, to frame, and to open the stream. */
async function anotherSite(context) {
  const site = createServer((_, response) => response.writeHead(200, { "content-type": "text/html" }).end("<title>other</title>"));
  await new Promise(resolve => site.listen(0, "127.0.0.1", resolve));
  const page = await context.newPage();
  try {
    // By another name as well: a name that the attacker lets resolve to this machine.
    for (const target of [origin, origin.replace("127.0.0.1", "rebound.localhost")]) {
      await page.goto(`http://localhost:${site.address().port}/`);
      const tried = await page.evaluate(async ([target, token]) => {
        const attempt = async work => { try { return await work(); } catch { return "blocked"; } };
        const send = (path, init) => attempt(async () => (await fetch(`${target}${path}`, init)).status);
        const form = new URLSearchParams({ reason: "x" });
        return {
          read: await send("/status"),
          simple: await send("/halt", { method: "POST", body: form }),
          text: await send("/halt", { method: "POST", body: "{}" }),
          blind: await attempt(async () => (await fetch(`${target}/halt`, { method: "POST", mode: "no-cors", body: "{}" })).type),
          change: await send("/halt", { method: "POST", body: "{}", headers: { "content-type": "application/json", authorization: `Bearer ${token}` } }),
          stream: await new Promise(resolve => {
            const source = new EventSource(`${target}/events?status=true`);
            source.onopen = () => resolve("open");
            source.onerror = () => resolve("blocked");
          }),
        };
      }, [target, TOKEN]);
      // A request without CORS is sent, and its response hidden, or blocked by its resource policy; it has changed nothing.
      assert.ok(["blocked", "opaque"].includes(tried.blind), tried.blind);
      assert.deepEqual({ ...tried, blind: "" }, { read: "blocked", simple: "blocked", text: "blocked", blind: "", change: "blocked", stream: "blocked" });
    }
    assert.equal((await (await fetch(`${origin}/health`)).json()).is_halted, false);
    // Under a name that is not one of this machine, the page itself is refused: what a rebound page would see.
    const rebound = await page.goto(origin.replace("127.0.0.1", "rebound.localhost"));
    assert.equal(rebound.status(), 421);
  } finally {
    await page.close();
    site.close();
  }
}
