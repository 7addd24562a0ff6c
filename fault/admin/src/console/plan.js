// Plan: an editor with errors in place, and a comparison before a plan is applied.

const TYPES = { toml: "application/toml", yaml: "application/yaml", json: "application/json" };

const EMPTY = `version = 1
environments = ["ENVIRONMENT"]
ttl = "15m"                     # the plan ends by itself

[[fault]]
name = "slow"
enabled = false
participation = 0.05            # of all requests
slow = "90ms"
`;

const editor = {
  text: $("plan-text"),
  /** The running plan as it was loaded, and its tag. */
  loaded: { text: "", tag: null },
  errors: [],
  /** The tag of the plan that the server runs. */
  running: undefined,

  get format() { return $("plan-format").value; },

  get isChanged() { return this.text.value !== this.loaded.text; },

  async load() {
    try {
      const response = await client.send("GET", `plan?format=${this.format}`);
      this.loaded = { text: await response.text(), tag: response.headers.get("etag") };
      this.running = plainTag(this.loaded.tag);
    } catch (error) {
      if (error.status !== 404) return this.state(error.message);
      const environment = history_.last?.status.environment ?? "staging";
      this.loaded = { text: "", tag: null };
      this.set(EMPTY.replace("ENVIRONMENT", environment));
      $("plan-format").value = "toml";
      return;
    }
    this.set(this.loaded.text);
  },

  set(text) {
    this.text.value = text;
    this.edited();
  },

  /** Reads the plan again if it was changed elsewhere; not over changes that were made here. */
  follow(tag) {
    const isOther = this.running !== undefined && tag !== this.running;
    if (this.running === undefined) this.running = tag;
    if (isOther && !this.isChanged) { this.running = tag; return this.load(); }
    const notice = $("plan-notice");
    notice.hidden = !isOther;
    notice.textContent = isOther ? "The running plan was changed since it was loaded here. Load it to see the changes; your text is lost by that." : "";
  },

  state(text) { $("plan-state").textContent = text; },

  edited() {
    this.draw();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.check(), 300);
  },

  async check() {
    const text = this.text.value;
    if (!client.token) {
      this.state(this.isChanged ? "sign in to have the plan checked" : "");
      return null;
    }
    try {
      const result = await client.json("POST", "plan/validate", { body: text, type: TYPES[this.format] });
      // The text has changed meanwhile.
      if (text !== this.text.value) return null;
      this.show(result);
      return result;
    } catch (error) {
      this.state(error.message);
      return null;
    }
  },

  show(result) {
    this.errors = result.errors.map(error => ({ ...error, ...characters(this.text.value, error) }));
    const count = this.errors.length;
    this.state(count > 0 ? `${count} error${count === 1 ? "" : "s"}` : result.rejected ? "not for this process" : this.isChanged ? "valid, not applied" : "running");
    this.text.setAttribute("aria-invalid", count > 0);
    const rows = this.errors.map(error => element("li", {},
      element("button", { type: "button", className: "link", textContent: `${error.line}:${error.column}`, onclick: () => this.select(error) }),
      ` ${error.detail}`));
    const list = rows.length ? element("ol", {}, ...rows) : "";
    $("plan-errors").replaceChildren(result.rejected ? element("p", { className: "error", textContent: result.rejected }) : list);
    $("plan-summary").hidden = !result.summary;
    $("plan-text-summary").textContent = result.summary ?? "";
    this.draw();
  },

  select(error) {
    this.text.focus();
    this.text.setSelectionRange(error.from, Math.max(error.to, error.from + 1));
    this.text.scrollTop = (error.line - 5) * 20;
  },

  /** Draws the numbers of the lines, and the errors behind the text. */
  draw() {
    const text = this.text.value;
    const lines = text.split("\n");
    const wrong = new Map();
    for (const error of this.errors) if (!wrong.has(error.line)) wrong.set(error.line, error);
    $("plan-lines").replaceChildren(...lines.map((_, index) =>
      element("span", { textContent: `${index + 1}\n`, className: wrong.has(index + 1) ? "wrong" : "" })));
    let start = 0;
    const marked = lines.map((line, index) => {
      const error = wrong.get(index + 1);
      const end = start + line.length;
      const made = element("div", { className: error ? "wrong" : "" });
      if (error) {
        const from = Math.min(Math.max(error.from - start, 0), line.length);
        const to = Math.min(Math.max(error.to - start, from + 1), line.length);
        made.append(line.slice(0, from), element("mark", { textContent: line.slice(from, to) || " " }), line.slice(to),
          element("span", { className: "lens", textContent: `  ${error.detail}` }));
      } else {
        made.textContent = line || " ";
      }
      start = end + 1;
      return made;
    });
    $("plan-marks").replaceChildren(...marked);
    this.scroll();
  },

  scroll() {
    $("plan-marks").scrollTop = $("plan-lines").scrollTop = this.text.scrollTop;
    $("plan-marks").scrollLeft = this.text.scrollLeft;
  },

  async review() {
    if (!client.token) await signIn();
    const result = await this.check();
    if (!result?.is_valid) {
      toast(result?.rejected ?? "The plan has errors; none is applied.");
      if (this.errors[0]) this.select(this.errors[0]);
      return;
    }
    const rows = compare(this.loaded.text.split("\n"), this.text.value.split("\n"));
    const changed = rows.filter(([kind]) => kind !== " ").length;
    $("diff-hint").textContent = changed === 0 ? "No line is changed; the time of the plan begins anew." : `${changed} changed lines. The time of the plan begins anew.`;
    $("diff").replaceChildren(...excerpt(rows).map(([kind, line]) => element("div", { className: { "+": "added", "-": "removed", "…": "left-out" }[kind] ?? "", textContent: `${kind} ${line}` })));
    $("diff-error").textContent = "";
    $("diff-dialog").showModal();
  },

  async apply() {
    const headers = this.loaded.tag ? { "if-match": this.loaded.tag } : { "if-none-match": "*" };
    try {
      const response = await client.change("PUT", "plan", { body: this.text.value, type: TYPES[this.format], headers });
      const { revision } = await response.json();
      $("diff-dialog").close();
      toast(`The plan runs as revision ${revision}.`);
      await this.load();
    } catch (error) {
      $("diff-error").textContent = error.message;
    }
  },
};

/** The tag of a plan without quotes and without its format. */
const plainTag = tag => tag?.replace(/^"|"$/g, "").replace(/-(toml|yaml|json)$/, "") ?? null;

/** Places in characters of a text, of places in bytes. */
function characters(text, { start, end }) {
  const bytes = new TextEncoder().encode(text);
  const length = to => new TextDecoder().decode(bytes.slice(0, to)).length;
  return { from: length(start), to: length(end) };
}

/** Lines that are added, removed and kept: the longest common sequence. */
function compare(old, now) {
  let head = 0, tail = 0;
  while (head < Math.min(old.length, now.length) && old[head] === now[head]) head++;
  while (tail < Math.min(old.length, now.length) - head && old[old.length - 1 - tail] === now[now.length - 1 - tail]) tail++;
  const one = old.slice(head, old.length - tail), other = now.slice(head, now.length - tail);
  // Of the rest, so many that the table stays small; texts that differ more are shown as replaced.
  const isLong = one.length * other.length > 4e6;
  const table = Array.from({ length: one.length + 1 }, () => new Uint32Array(isLong ? 0 : other.length + 1));
  for (let i = one.length - 1; i >= 0 && !isLong; i--) {
    for (let j = other.length - 1; j >= 0; j--) {
      table[i][j] = one[i] === other[j] ? table[i + 1][j + 1] + 1 : Math.max(table[i + 1][j], table[i][j + 1]);
    }
  }
  const rows = old.slice(0, head).map(line => [" ", line]);
  let i = 0, j = 0;
  while (i < one.length || j < other.length) {
    if (!isLong && i < one.length && j < other.length && one[i] === other[j]) { rows.push([" ", one[i++]]); j++; }
    else if (i < one.length && (j >= other.length || isLong || table[i + 1][j] >= table[i][j + 1])) rows.push(["-", one[i++]]);
    else rows.push(["+", other[j++]]);
  }
  return rows.concat(old.slice(old.length - tail).map(line => [" ", line]));
}

/** The changed rows with three rows around them. */
function excerpt(rows) {
  const isNear = index => rows.slice(Math.max(0, index - 3), index + 4).some(([kind]) => kind !== " ");
  const made = [];
  rows.forEach((row, index) => {
    if (isNear(index)) made.push(row);
    else if (made[made.length - 1]?.[0] !== "…") made.push(["…", ""]);
  });
  return made;
}

editor.text.addEventListener("input", () => editor.edited());
editor.text.addEventListener("scroll", () => editor.scroll());
$("plan-load").onclick = () => editor.load();
$("plan-review").onclick = () => attempt(() => editor.review());
$("diff-apply").onclick = () => editor.apply();
$("plan-format").onchange = () => {
  if (!editor.isChanged || confirm("The text is loaded anew in this format; what you wrote is lost.")) editor.load();
};
