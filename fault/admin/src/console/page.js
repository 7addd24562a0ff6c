// Page: header, tabs, events, explanation, routes; and the beginning.

// ---- Tabs (ARIA Authoring Practices, tabs with automatic activation) ----

const tabs = [...document.querySelectorAll("[role=tab]")];

function selectTab(tab, hasFocus) {
  for (const other of tabs) {
    const isSelected = other === tab;
    other.setAttribute("aria-selected", isSelected);
    other.tabIndex = isSelected ? 0 : -1;
    $(other.getAttribute("aria-controls")).hidden = !isSelected;
  }
  if (hasFocus) tab.focus();
  history.replaceState(null, "", `#${tab.id.replace("tab-", "")}`);
  if (tab.id === "tab-faults") drawCharts();
  if (tab.id === "tab-plan" && !editor.text.value) editor.load();
  if (tab.id === "tab-plan") editor.draw();
  if (tab.id === "tab-events") drawEvents();
  if (tab.id === "tab-routes") showRoutes();
  if (tab.id === "tab-fleet") showFleet();
}

tabs.forEach(tab => {
  tab.onclick = () => selectTab(tab, false);
  tab.onkeydown = event => {
    const shown = tabs.filter(tab => !tab.hidden);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const next = step ? shown[(shown.indexOf(tab) + step + shown.length) % shown.length] : { Home: shown[0], End: shown[shown.length - 1] }[event.key];
    if (next) { event.preventDefault(); selectTab(next, true); }
  };
});

// ---- Header ----

/** The status on the page: what a button says is what a click on it does. */
let shown = null;

async function halt() {
  await attempt(async () => {
    const response = await client.change("POST", "halt", { body: { reason: "console" } });
    showStatus(await response.json());
    toast("Every fault is halted.", resume);
  });
}

async function resume() {
  await attempt(async () => {
    const response = await client.change("POST", "resume", { body: { reason: "console" } });
    showStatus(await response.json());
    toast("The faults are resumed.");
  });
}

async function rearm() {
  await attempt(async () => {
    const response = await client.change("POST", "rearm", { body: { reason: "console" } });
    showStatus(await response.json());
    toast("The faults are armed again.");
  });
}

$("halt").onclick = () => (shown?.is_halted ? resume() : halt());
$("sign").onclick = () => (client.token ? client.setToken(null) : attempt(() => signIn()));

function showSigned() {
  $("sign").textContent = client.token ? "Sign out" : "Sign in";
}

document.addEventListener("signed", () => { showSigned(); editor.edited(); });

function setText(id, text) {
  if ($(id).textContent !== text) $(id).textContent = text;
}

/** Shows the state of the set as a whole; what the stream sent before the response to a change is older, and left. */
function showStatus(status) {
  if (shown?.instance === status.instance && status.uptime_seconds < shown.uptime_seconds) return;
  shown = status;
  setText("environment", status.environment ?? "no environment");
  setText("revision", `revision ${status.revision}`);
  const left = status.expires_in_seconds;
  setText("expiry", status.is_expired ? "expired" : left === null ? "" : `ends in ${duration(left)}`);
  setText("halt", status.is_halted ? "Resume faults" : "Halt all faults");
  $("halt").classList.toggle("danger", !status.is_halted);
  $("halt").classList.toggle("primary", status.is_halted);
  showAlerts(status);
  showFigures(status);
  showFaults(status.faults);
  document.title = status.is_halted ? "Faults (halted)" : "Faults";
}

/** Shows what keeps faults from acting; each with the way out. */
function showAlerts(status) {
  const rows = [];
  if (status.is_halted) rows.push(["Every fault of this process is halted: nothing is injected.", "Resume", resume]);
  if (status.stopped) rows.push([`The faults stopped by themselves: ${status.stopped}.`, "Arm again", rearm]);
  if (status.is_expired) rows.push(["The time of the plan is over: every fault is switched off. Apply a plan to begin anew."]);
  if (status.guards.is_dry_run) rows.push(["Dry run: faults decide and count, and inject nothing."]);
  const text = JSON.stringify(rows.map(row => row[0]));
  if (text === showAlerts.text) return;
  showAlerts.text = text;
  $("alerts").replaceChildren(...rows.map(([message, label, act]) => element("p", {},
    element("span", { textContent: message }), act && element("button", { type: "button", textContent: label, onclick: act }))));
}

document.addEventListener("status", ({ detail: status }) => {
  if (history_.last && history_.last.status.instance !== status.instance) {
    addEvent({ event: "restart", summary: "the process was restarted" });
  }
  history_.add(status);
  showStatus(status);
  drawCharts();
  editor.follow(status.plan_tag);
  followFleet(status);
});

// ---- Events ----

const EVENTS = 500;
const events = { list: [], isPaused: false, isDrawn: true };
const PHASES = ["started", "finished", "cancelled", "abandoned", "skipped"];

function addEvent(entry) {
  events.list.unshift({ ...entry, unix_time: entry.unix_time ?? Date.now() / 1000 });
  events.list.length = Math.min(events.list.length, EVENTS);
  if (events.isDrawn) requestAnimationFrame(drawEvents);
  events.isDrawn = false;
}

function drawEvents() {
  events.isDrawn = true;
  if (events.isPaused || $("panel-events").hidden) return;
  const kind = $("event-kind").value;
  const wanted = $("event-text").value.toLowerCase();
  const shown = events.list.filter(entry => {
    const isFault = PHASES.includes(entry.event);
    return (kind === "all" || (kind === "fault") === isFault) && entry.summary.toLowerCase().includes(wanted);
  });
  const rows = shown.slice(0, 200).map(entry => {
    const date = new Date(entry.unix_time * 1000);
    return element("li", { className: PHASES.includes(entry.event) ? "injection" : "whole" },
      element("time", { dateTime: date.toISOString(), textContent: date.toLocaleTimeString(undefined, { hour12: false }) }),
      element("span", { textContent: entry.summary }));
  });
  $("events").replaceChildren(...(rows.length ? rows : [element("li", { textContent: "No events yet." })]));
}

document.addEventListener("log", ({ detail }) => addEvent(detail));
$("event-kind").onchange = $("event-text").oninput = drawEvents;
$("event-pause").onclick = () => {
  events.isPaused = !events.isPaused;
  $("event-pause").setAttribute("aria-pressed", events.isPaused);
  drawEvents();
};

// ---- Explanation ----

$("explain").onsubmit = event => {
  event.preventDefault();
  attempt(async () => {
    const query = new URLSearchParams({ method: $("explain-method").value, url: $("explain-url").value });
    for (const line of $("explain-headers").value.split("\n")) if (line.trim()) query.append("header", line.trim());
    showExplanation(await client.json("GET", `explain?${query}`));
  });
};

function showExplanation({ faults, route }) {
  const rows = faults.map(fault => {
    const actions = fault.actions.join(", ");
    const isInjected = !fault.skipped;
    return element("tr", {}, element("th", { scope: "row", textContent: fault.name }), element("td", { textContent: fault.placement }),
      element("td", {}, element("span", { className: `chip ${isInjected ? "warn" : ""}`, textContent: isInjected ? "injected" : "skipped" })),
      element("td", { textContent: isInjected ? actions : actions ? `${fault.skipped}; would do ${actions}` : fault.skipped }));
  });
  $("explained").replaceChildren(
    faults.length ? table("What each fault would do", ["Fault", "Side", "Result", "Action or reason"], rows) : element("p", { textContent: "There are no faults." }),
    ...(route ? [element("h3", { textContent: "Route" }), element("pre", { className: "card", tabIndex: 0, textContent: route })] : []));
}

function table(caption, heads, rows) {
  return element("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": caption },
    element("table", {}, element("caption", { textContent: caption }),
      element("thead", {}, element("tr", {}, ...heads.map(head => element("th", { scope: "col", textContent: head })))),
      element("tbody", {}, ...rows)));
}

// ---- Routes ----

async function showRoutes() {
  try {
    const routes = await client.json("GET", "routes");
    const faults = history_.last?.status.faults ?? [];
    const rows = routes.map(route => {
      const own = faults.filter(fault => fault.routes.some(name => name === route.name || name === route.template));
      return element("tr", {}, element("th", { scope: "row", textContent: route.template }), element("td", { textContent: route.methods }),
        element("td", { textContent: route.hosts.join(", ") }), element("td", { textContent: route.name ?? "" }),
        element("td", { textContent: route.conditions.join(" && ") }), element("td", { textContent: own.map(fault => fault.name).join(", ") }));
    });
    $("routes").replaceChildren(table("Routes in the order of their ranks", ["Path", "Methods", "Host", "Name", "Conditions", "Faults"], rows));
  } catch (error) {
    $("routes").replaceChildren(element("p", { className: "notice", textContent: error.message }));
  }
}

// ---- Beginning ----

takeToken();
showSigned();
const first = tabs.find(tab => location.hash === `#${tab.id.replace("tab-", "")}`);
if (first) selectTab(first, false);
stream.open();
