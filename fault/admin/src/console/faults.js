// Faults: figures, and a card for each fault with its switch, share, limits and counters.

const PLACEMENTS = {
  server: "Server: requests that it receives",
  client: "Client: requests that it sends",
  listener: "Listener: connections that are accepted",
  connector: "Connector: connections that are made",
};

const cards = new Map();

/** Counters that are not reasons of a skipped request. */
const OUTCOMES = ["seen", "injected", "active"];

class Card {
  constructor(name) {
    this.name = name;
    const id = `fault-${Card.count = (Card.count ?? 0) + 1}`;
    this.switch = element("button", { type: "button", role: "switch", className: "switch", "aria-labelledby": `${id}-name` });
    this.switch.onclick = () => this.toggle();
    this.key = element("span");
    this.chip = element("span", { className: "chip", hidden: true });
    this.action = element("code", { className: "action" });
    this.range = element("input", { type: "range", min: 0, max: 100, step: 1, "aria-label": `Participation of ${name} in percent` });
    this.share = element("input", { type: "number", min: 0, max: 100, step: "any", "aria-label": `Participation of ${name} in percent, exact` });
    this.range.oninput = () => { this.share.value = this.range.value; };
    this.range.onchange = this.share.onchange = event => this.setShare(event.target.value);
    this.counts = element("p", { className: "counts" });
    this.reasons = element("ul", { className: "reasons" });
    const field = (key, label, min) => {
      this[key] = element("input", { type: "number", min, step: 1, id: `${id}-${key}` });
      return element("p", {}, element("label", { htmlFor: `${id}-${key}`, textContent: label }), this[key]);
    };
    const limits = element("form", { className: "limits" },
      field("skip", "Pass first", 0), field("every", "Inject each", 1), field("limit", "At most", 1),
      element("p", {}, element("button", { textContent: "Set limits" })));
    this.limit.placeholder = "no limit";
    limits.onsubmit = event => { event.preventDefault(); this.setLimits(); };
    const reset = element("button", { type: "button", textContent: "Reset counters", onclick: () => this.reset() });
    this.node = element("li", { className: "card fault" },
      element("div", { className: "row" }, this.switch, element("h4", { id: `${id}-name`, textContent: name }), this.key, this.chip),
      this.action,
      element("div", { className: "row share" }, this.range, this.share, element("span", { textContent: "%", "aria-hidden": "true" })),
      this.counts,
      element("details", {}, element("summary", { textContent: "Limits and skip reasons" }), limits, this.reasons, element("p", {}, reset)));
  }

  show(fault, index) {
    const isFirst = !this.fault;
    // The color of its line.
    if (index !== undefined) this.key.className = index < 8 ? `key c${index}` : "";
    this.fault = fault;
    this.switch.setAttribute("aria-checked", fault.enabled);
    this.node.classList.toggle("on", fault.enabled && !fault.inactive);
    const isOdd = fault.inactive && fault.inactive !== "not enabled";
    this.chip.hidden = !isOdd && !fault.group;
    this.chip.className = isOdd ? "chip warn" : "chip";
    this.chip.textContent = isOdd ? fault.inactive : `group ${fault.group}`;
    this.action.textContent = fault.action || "set by the program";
    const share = Number((fault.participation * 100).toPrecision(6));
    if (isFirst || !this.isBusy(this.range, this.share)) this.range.value = this.share.value = share;
    if (isFirst || !this.isBusy(this.skip, this.every, this.limit)) {
      this.skip.value = fault.limits.skip;
      this.every.value = fault.limits.every;
      this.limit.value = fault.limits.limit ?? "";
    }
    const { counts } = fault;
    const ends = fault.ends_in_seconds === null ? "" : `, ends in ${duration(fault.ends_in_seconds)}`;
    this.counts.textContent = `${counts.injected} injected of ${counts.seen} seen, ${counts.active} active${ends}`;
    this.showReasons(counts);
  }

  showReasons(counts) {
    const reasons = Object.entries(counts).filter(([name, count]) => !OUTCOMES.includes(name) && count > 0);
    reasons.sort((one, other) => other[1] - one[1]);
    this.reasons.replaceChildren(...reasons.map(([name, count]) => element("li", {},
      element("span", { textContent: `skipped: ${name.replaceAll("_", " ")}` }),
      element("meter", { max: Math.max(1, counts.seen), value: count, "aria-label": name.replaceAll("_", " ") }),
      element("b", { textContent: count }))));
  }

  isBusy(...fields) {
    return fields.includes(document.activeElement);
  }

  async patch(change, text, back) {
    await attempt(async () => {
      const response = await client.change("PATCH", `faults/${encodeURIComponent(this.name)}`, { body: change });
      this.show(await response.json());
      toast(`${this.name}: ${text}`, back && (() => this.patch(back, "as before")));
    });
    if (this.fault) this.show(this.fault);
  }

  toggle() {
    const enabled = !this.fault.enabled;
    return this.patch({ enabled }, enabled ? "switched on" : "switched off", { enabled: !enabled });
  }

  setShare(value) {
    const participation = Math.min(1, Math.max(0, Number(value) / 100));
    if (participation === this.fault.participation) return;
    return this.patch({ participation }, `participation ${percent(participation)}`, { participation: this.fault.participation });
  }

  setLimits() {
    const number = field => Math.max(0, Math.trunc(Number(field.value) || 0));
    const { skip, every, limit } = this.fault.limits;
    const change = { skip: number(this.skip), every: Math.max(1, number(this.every)), limit: number(this.limit) };
    return this.patch(change, "limits set", { skip, every, limit: limit ?? 0 });
  }

  reset() {
    return attempt(async () => {
      const response = await client.change("POST", `faults/${encodeURIComponent(this.name)}/reset`);
      this.show(await response.json());
      toast(`${this.name}: counters reset`);
    });
  }
}

/** Shows the faults, grouped by side and route; cards stay, so that the focus does. */
function showFaults(faults) {
  const groups = new Map();
  faults.forEach((fault, index) => {
    const route = fault.routes.join(", ") || "all requests";
    const key = JSON.stringify([fault.placement, route]);
    groups.set(key, [...(groups.get(key) ?? []), fault]);
    if (!cards.has(fault.name)) cards.set(fault.name, new Card(fault.name));
    cards.get(fault.name).show(fault, index);
  });
  const order = JSON.stringify([...groups].map(([key, members]) => [key, members.map(fault => fault.name)]));
  if (order === showFaults.order) return;
  showFaults.order = order;
  for (const name of cards.keys()) if (!faults.some(fault => fault.name === name)) cards.delete(name);
  const sections = [];
  for (const placement of Object.keys(PLACEMENTS)) {
    const inside = [...groups].filter(([key]) => JSON.parse(key)[0] === placement);
    if (inside.length === 0) continue;
    sections.push(element("section", {}, element("h2", { textContent: PLACEMENTS[placement] }),
      element("div", { className: "groups" }, ...inside.map(([key, members]) => element("div", { className: "group" },
        element("h3", { textContent: JSON.parse(key)[1] }),
        element("ul", { className: "cards" }, ...members.map(fault => cards.get(fault.name).node)))))));
  }
  if (sections.length === 0) {
    sections.push(element("p", { className: "notice", textContent: "There are no faults. Write a plan to begin." }));
  }
  $("faults").replaceChildren(...sections);
}

/** Shows the numbers of the last second. */
function showFigures(status) {
  const last = history_.samples[history_.samples.length - 1] ?? {};
  const text = (value, format) => (value === undefined ? "–" : format(value));
  const { guards } = status;
  const injected = Object.values(last.faults ?? {}).reduce((sum, rate) => sum + rate, 0);
  const enabled = status.faults.filter(fault => fault.enabled).length;
  const rows = [
    ["Faults on", `${enabled} of ${status.faults.length}`, guards.is_dry_run ? "dry run: nothing is injected" : ""],
    ["Responses", text(last.genuine === undefined ? undefined : last.genuine + last.injected, perSecond), status.traffic ? `${status.traffic.active} under way` : "not measured"],
    ["Injections", perSecond(injected), guards.max_per_second === null ? "" : `at most ${guards.max_per_second}/s`],
    ["Active", String(guards.active), guards.max_active === null ? "" : `at most ${guards.max_active}`],
    ["Affected", guards.affected === null ? "–" : percent(guards.affected), guards.max_affected === null ? "not limited" : `at most ${percent(guards.max_affected)}`],
    ["Genuine errors", text(last.errors, percent), guards.stop_error_ratio === null ? "no automatic stop" : `stop at ${percent(guards.stop_error_ratio)}`],
  ];
  $("figures").replaceChildren(...rows.map(([name, value, note]) => element("div", { className: "card figure" },
    element("dt", { textContent: name }), element("dd", {}, element("b", { textContent: value }), element("small", { textContent: note })))));
}

function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const two = number => String(number).padStart(2, "0");
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}
