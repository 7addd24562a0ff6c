// Fleet: the table of replicas, where the process belongs to one.

const fleet = { rows: null, isAsking: false };

/** Shows the tab where there is a fleet, and asks for its replicas while they are on the page. */
function followFleet(status) {
  const tab = $("tab-fleet");
  if (tab.hidden === status.has_fleet) {
    tab.hidden = !status.has_fleet;
    if (tab.hidden && tab.getAttribute("aria-selected") === "true") selectTab($("tab-faults"), false);
  }
  if (status.has_fleet && !$("panel-fleet").hidden) showFleet();
}

async function showFleet() {
  if (fleet.isAsking) return;
  fleet.isAsking = true;
  try {
    drawFleet(await client.json("GET", "fleet"));
  } catch (error) {
    // The rows are those of before.
    setText("fleet-summary", error.message);
  } finally {
    fleet.isAsking = false;
  }
}

function drawFleet({ revision, halt, replicas }) {
  if (!fleet.rows) {
    const shown = table("Replicas", ["Replica", "Revision", "State", "Plan", "Seen", "Injected", "Active", "Reported"], []);
    fleet.rows = shown.querySelector("tbody");
    $("fleet").replaceChildren(shown);
  }
  const current = replicas.filter(replica => revision !== null && replica.revision === revision).length;
  const rejected = replicas.filter(replica => replica.rejected !== null).length;
  const parts = [`${replicas.length} ${replicas.length === 1 ? "replica" : "replicas"}`];
  parts.push(revision === null ? "no plan" : `${current} on revision ${revision}`);
  if (rejected > 0) parts.push(`${rejected} rejected a plan`);
  if (halt !== null) parts.push(`the whole fleet is halted${halt ? `: ${halt}` : ""}`);
  setText("fleet-summary", parts.join(", "));
  fleet.rows.replaceChildren(...replicas.map(replica => {
    const isGood = replica.state === "running" && replica.revision === revision;
    const notes = [replica.reason, replica.rejected && `rejected: ${replica.rejected}`].filter(Boolean);
    const cell = text => element("td", { textContent: text });
    return element("tr", {},
      element("th", { scope: "row", textContent: replica.is_this ? `${replica.instance} (this process)` : replica.instance }),
      cell(replica.revision ?? "not of the fleet"),
      element("td", {}, element("span", { className: `chip ${isGood ? "good" : "warn"}`, textContent: replica.state.replaceAll("_", " ") }),
        ...notes.map(note => element("pre", { textContent: note }))),
      cell(replica.plan ?? ""), cell(replica.seen), cell(replica.injected), cell(replica.active),
      cell(`${Math.round(replica.age_seconds)} s ago`));
  }));
}
