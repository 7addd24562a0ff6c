// Charts: the last minutes as lines, in plain SVG.

const SVG = "http://www.w3.org/2000/svg";
/** Samples that are kept, one a second; as many of them are shown as there are, in one of these steps. */
const STEPS = [[120, "2 min ago"], [300, "5 min ago"]];
const HISTORY = 300;
/** Seconds over which a rate is measured. */
const WINDOW = 5;

function shape(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

/** Samples of the last minutes, one a second, each made of two texts of the status. */
const history_ = {
  samples: [],
  recent: [],
  last: null,

  add(status) {
    const before = this.last?.status;
    this.last = { status };
    const isSame = before?.instance === status.instance;
    // A pause of the page, during which nothing came.
    const passed = isSame ? Math.min(HISTORY, Math.round(status.uptime_seconds - before.uptime_seconds)) : 1;
    // After a restart the counters begin anew.
    if (!isSame) this.recent = [];
    for (let second = 1; second < passed; second++) this.samples.push({});
    const first = this.recent.find(known => known.uptime_seconds >= status.uptime_seconds - WINDOW - 0.5);
    this.samples.push(first ? sample(first, status, status.uptime_seconds - first.uptime_seconds) : {});
    this.recent = [...this.recent.slice(-WINDOW), status];
    this.samples.splice(0, this.samples.length - HISTORY);
  },

  get step() {
    return STEPS.find(([count]) => this.samples.length <= count);
  },
};

function sample(before, now, seconds) {
  const rate = (a, b) => Math.max(0, b - a) / seconds;
  const made = { faults: {} };
  const old = new Map(before.faults.map(fault => [fault.name, fault.counts.injected]));
  for (const fault of now.faults) {
    if (old.has(fault.name)) made.faults[fault.name] = rate(old.get(fault.name), fault.counts.injected);
  }
  made.active = now.guards.active;
  const { server_responses: window, stop_error_ratio: limit } = now.guards;
  if (limit !== null && window.all > 0) made.errors = window.errors / window.all;
  if (!now.traffic || !before.traffic) return made;
  const { genuine, injected, bounds } = now.traffic;
  made.genuine = rate(before.traffic.genuine.responses, genuine.responses);
  made.injected = rate(before.traffic.injected.responses, injected.responses);
  made.genuineLatency = quantile(difference(before.traffic.genuine.buckets, genuine.buckets), bounds, 0.95);
  made.injectedLatency = quantile(difference(before.traffic.injected.buckets, injected.buckets), bounds, 0.95);
  if (limit === null) {
    const all = genuine.responses - before.traffic.genuine.responses;
    if (all > 0) made.errors = (genuine.errors - before.traffic.genuine.errors) / all;
  }
  return made;
}

const difference = (before, now) => now.map((count, index) => Math.max(0, count - before[index]));

/** The quantile of counted latencies in seconds, interpolated within its bucket. */
function quantile(buckets, bounds, share) {
  const all = buckets.reduce((sum, count) => sum + count, 0);
  if (all === 0) return undefined;
  let rest = all * share;
  for (let index = 0; index < buckets.length; index++) {
    if (rest <= buckets[index]) {
      const low = index === 0 ? 0 : bounds[index - 1];
      const high = bounds[index] ?? bounds[bounds.length - 1];
      return low + (high - low) * (rest / buckets[index]);
    }
    rest -= buckets[index];
  }
  return bounds[bounds.length - 1];
}

const perSecond = value => `${value >= 10 ? Math.round(value) : Number(value.toFixed(1))}/s`;
const percent = value => `${Number((value * 100).toPrecision(3))} %`;
const time = value => (value < 1 ? `${Math.round(value * 1000)} ms` : `${Number(value.toFixed(2))} s`);

/** Width of the labels of an axis. */
const LEFT = 54;

/** A chart: its series are functions from a sample to a number, or to nothing. */
class Chart {
  constructor(title, format, series, options = {}) {
    Object.assign(this, { title, format, series, options, at: null });
    this.svg = shape("svg", { role: "img" });
    this.legend = element("ul", { className: "legend" });
    this.figure = element("figure", { className: "card" }, element("figcaption", { textContent: title }), this.svg, this.legend);
    this.svg.addEventListener("pointermove", event => {
      const box = this.svg.getBoundingClientRect();
      const [count] = history_.step;
      const share = (event.clientX - box.left - LEFT) / (box.width - LEFT - 8);
      const index = Math.round(share * (count - 1)) - (count - history_.samples.length);
      this.at = index >= 0 && index < history_.samples.length ? index : null;
      this.draw();
    });
    this.svg.addEventListener("pointerleave", () => { this.at = null; this.draw(); });
  }

  draw() {
    const width = Math.max(200, this.svg.clientWidth), height = 150;
    const [left, right, top, bottom] = [LEFT, width - 8, 8, height - 20];
    const { samples, step: [count, ago] } = history_;
    const series = typeof this.series === "function" ? this.series() : this.series;
    const limit = this.options.limit?.();
    const values = series.map(one => samples.map(one.value));
    const known = values.flat().filter(value => value !== undefined);
    const max = ceiling(Math.max(this.options.min ?? 1, (limit ?? 0) * 1.2, ...known));
    const x = index => left + (right - left) * (index + count - samples.length) / (count - 1);
    const y = value => bottom - (bottom - top) * (value / max);
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const parts = [];
    for (const share of [0, 0.5, 1]) {
      parts.push(shape("line", { class: "grid", x1: left, x2: right, y1: y(max * share), y2: y(max * share) }));
      parts.push(label(left - 6, y(max * share) + 4, this.format(max * share), "end"));
    }
    for (const [index, text, anchor] of [[0, ago, "start"], [1, "now", "end"]]) {
      parts.push(label(left + (right - left) * index, height - 4, text, anchor));
    }
    if (limit !== undefined && limit !== null) {
      parts.push(shape("line", { class: "limit", x1: left, x2: right, y1: y(limit), y2: y(limit) }));
      parts.push(label(right, y(limit) - 4, `stop at ${this.format(limit)}`, "end"));
    }
    series.forEach((one, index) => {
      const line = path(values[index], x, y);
      if (line) parts.push(shape("path", { class: `line ${one.kind}`, d: line }));
    });
    if (this.at !== null) parts.push(shape("line", { class: "cursor", x1: x(this.at), x2: x(this.at), y1: top, y2: bottom }));
    this.svg.replaceChildren(...parts);
    this.describe(series, values);
  }

  describe(series, values) {
    const at = this.at ?? history_.samples.length - 1;
    const texts = series.map((one, index) => {
      const value = values[index][at];
      return [one, value === undefined ? "no value" : this.format(value)];
    });
    this.legend.replaceChildren(...texts.map(([one, text]) => element("li", {},
      element("span", { className: `key ${one.kind}` }), `${one.name} `, element("b", { textContent: text }))));
    this.svg.setAttribute("aria-label", `${this.title}: ${texts.map(([one, text]) => `${one.name} ${text}`).join(", ") || "no data"}`);
  }
}

function label(x, y, text, anchor) {
  const made = shape("text", { class: "axis", x, y, "text-anchor": anchor });
  made.textContent = text;
  return made;
}

/** A line with gaps where there is no value. */
function path(values, x, y) {
  let text = "", isOpen = false;
  values.forEach((value, index) => {
    if (value === undefined) { isOpen = false; return; }
    text += `${isOpen ? "L" : "M"}${x(index).toFixed(1)} ${y(value).toFixed(1)}`;
    // A single value between gaps is a dot.
    if (!isOpen) text += "h.01";
    isOpen = true;
  });
  return text;
}

/** The next round number. */
function ceiling(value) {
  const scale = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map(step => step * scale).find(step => step >= value * 0.999);
}

const charts = [
  new Chart("Responses", perSecond, [
    { name: "genuine", kind: "c0", value: one => one.genuine },
    { name: "injected", kind: "c1", value: one => one.injected },
  ]),
  new Chart("Injections by fault", perSecond, () => {
    const faults = history_.last?.status.faults ?? [];
    return faults.slice(0, 8).map((fault, index) => ({
      name: fault.name, kind: `c${index % 8}`, value: one => one.faults?.[fault.name],
    }));
  }),
  new Chart("Latency, 95th percentile", time, [
    { name: "genuine", kind: "c0", value: one => one.genuineLatency },
    { name: "injected", kind: "c1", value: one => one.injectedLatency },
  ], { min: 0.01 }),
  new Chart("Share of genuine errors", percent, [{ name: "errors", kind: "c3", value: one => one.errors }], {
    min: 0.05, limit: () => history_.last?.status.guards.stop_error_ratio,
  }),
];

function drawCharts() {
  if (!$("panel-faults").hidden) charts.forEach(chart => chart.draw());
}

$("charts").append(...charts.map(chart => chart.figure));
new ResizeObserver(drawCharts).observe($("charts"));
