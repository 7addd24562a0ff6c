// Client: requests to the API, the token, and the event stream.

/** The folder of the page, wherever the API is mounted. */
const base = location.pathname.replace(/\/?$/, "/");

const $ = id => document.getElementById(id);

/** Creates an element with properties and children; an undefined child is left out. */
function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made && !key.includes("-")) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children.filter(child => child !== undefined));
  return made;
}

/** An error response, with the members of its problem document. */
class ProblemError extends Error {
  constructor(status, problem) {
    super(problem.detail ?? `status ${status}`);
    this.status = status;
    this.errors = problem.errors ?? [];
  }
}

const client = {
  token: sessionStorage.getItem("waylay-token"),
  /** Whether reads need the token too. */
  isRemote: false,

  setToken(token) {
    this.token = token;
    if (token) sessionStorage.setItem("waylay-token", token);
    else sessionStorage.removeItem("waylay-token");
    document.dispatchEvent(new Event("signed"));
  },

  async send(method, path, { body, type = "application/json", headers = {} } = {}) {
    const init = { method, headers: { ...headers }, cache: "no-store", credentials: "omit" };
    if (this.token) init.headers.authorization = `Bearer ${this.token}`;
    if (method !== "GET" && method !== "DELETE") {
      init.headers["content-type"] = type;
      init.body = typeof body === "string" ? body : JSON.stringify(body ?? {});
    }
    const response = await fetch(base + path, init);
    if (!response.ok) {
      const problem = await response.json().catch(() => ({}));
      throw new ProblemError(response.status, problem);
    }
    return response;
  },

  async json(method, path, options) {
    return (await this.send(method, path, options)).json();
  },

  /** Sends a change; asks for the token first, and again if it is not the right one. */
  async change(method, path, options) {
    if (!this.token) await signIn();
    try {
      return await this.send(method, path, options);
    } catch (error) {
      if (error.status !== 401) throw error;
      this.setToken(null);
      await signIn(error.message);
      return this.send(method, path, options);
    }
  },
};

/** Reads the token from the address, which the program has printed, and removes it from there. */
function takeToken() {
  const found = location.hash.match(/^#token=([A-Za-z0-9._~+/=-]+)$/);
  if (!found) return;
  client.setToken(found[1]);
  history.replaceState(null, "", location.pathname);
}

/** Asks for the token; rejected if the dialog is cancelled. */
function signIn(reason = "") {
  const dialog = $("sign-dialog");
  const field = $("sign-token");
  $("sign-error").textContent = reason;
  field.value = "";
  return new Promise((resolve, reject) => {
    const cancel = () => { dialog.close(); reject(new Error("not signed in")); };
    $("sign-cancel").onclick = cancel;
    dialog.oncancel = cancel;
    $("sign-form").onsubmit = async event => {
      event.preventDefault();
      client.token = field.value.trim();
      try {
        // A ticket is of no harm, and needs the token.
        await client.send("POST", "tickets");
      } catch (error) {
        client.token = null;
        $("sign-error").textContent = error.message;
        return;
      }
      client.setToken(client.token);
      dialog.close();
      resolve();
    };
    if (!dialog.open) dialog.showModal();
    field.focus();
  });
}

/** The event stream, opened again after each break. */
const stream = {
  source: null,
  last: "",
  wait: 1000,

  async open() {
    this.source?.close();
    const query = new URLSearchParams({ status: "true" });
    if (this.last) query.set("after", this.last);
    try {
      if (client.isRemote) query.set("ticket", (await client.json("POST", "tickets")).ticket);
    } catch (error) {
      if (error.status === 401) await this.ask(error.message);
      return this.again();
    }
    const source = new EventSource(`${base}events?${query}`);
    this.source = source;
    source.addEventListener("status", event => {
      this.wait = 1000;
      showConnection("live");
      document.dispatchEvent(new CustomEvent("status", { detail: JSON.parse(event.data) }));
    });
    source.addEventListener("log", event => {
      this.last = event.lastEventId;
      document.dispatchEvent(new CustomEvent("log", { detail: JSON.parse(event.data) }));
    });
    source.addEventListener("missed", event => {
      const { missed } = JSON.parse(event.data);
      document.dispatchEvent(new CustomEvent("log", { detail: { event: "missed", summary: `${missed} events are not held any more` } }));
    });
    source.onerror = () => {
      showConnection("reconnecting");
      // A broken connection is opened again by the browser; a response that is no stream is not.
      if (source.readyState === EventSource.CLOSED) this.check();
    };
  },

  /** Finds out why the stream was not opened. */
  async check() {
    try {
      await client.send("GET", "status");
      client.isRemote = client.isRemote || Boolean(client.token);
    } catch (error) {
      if (error.status === 401) {
        client.isRemote = true;
        await this.ask();
        return this.open();
      }
    }
    this.again();
  },

  async ask(reason) {
    try {
      await signIn(reason);
    } catch {
      showConnection("signed out");
    }
  },

  again() {
    setTimeout(() => this.open(), this.wait);
    this.wait = Math.min(this.wait * 2, 10000);
  },
};

function showConnection(state) {
  const shown = $("connection");
  if (shown.textContent !== state) shown.textContent = state;
  shown.className = `chip ${state === "live" ? "good" : "warn"}`;
}

/** Shows a message for some seconds, with a way back if there is one. */
function toast(text, undo) {
  const close = () => made.remove();
  const button = undo && element("button", { type: "button", textContent: "Undo", onclick: () => { close(); undo(); } });
  const made = element("div", { className: "toast" }, element("span", { textContent: text }), button || undefined);
  $("toasts").append(made);
  setTimeout(close, undo ? 10000 : 5000);
}

/** Runs a change, and shows its error. */
async function attempt(work) {
  try {
    await work();
  } catch (error) {
    toast(error.message);
  }
}
