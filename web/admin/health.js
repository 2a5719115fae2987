/** How the exchange is: what is written, what waits, who is connected, what it runs, and whether its books are right. */
import { h } from "../draw/dom.js";
import { inWords, shares, when } from "../draw/format.js";
import { card } from "../parts/card.js";
import { facts } from "../parts/facts.js";
import { createReading, forAdministrators, frame } from "./frame.js";

const EVERY_MS = 5_000;
const INBOXES = 10;

export const open = forAdministrators(({ api }) => {
  const status = createReading((signal) => api("GET /admin/status", {}, signal));
  /** Looks at everything there is, so nobody does it unasked. @type {any} */
  let audit = null;
  const timer = setInterval(status.again, EVERY_MS);

  function verify() {
    if (audit !== null) audit.again();
    else audit = createReading((signal) => api("POST /admin/verify-invariants", {}, signal));
  }

  return {
    title: () => "Health",
    close() {
      clearInterval(timer);
      status.close();
      audit?.close();
    },
    view: () =>
      frame("/admin/health", "Health", status.view((now) => h("div.columns", drawn(now),
        card("Invariants",
          h("p.hint", "Looks whether every cent and every share is where the records say. It changes nothing and halts nothing."),
          h("button", { on: { click: verify } }, "Verify now"),
          audit?.view(checks))))),
  };
});

/** @param {any} status */
function drawn({ version, kernel, journal_id: head, journal_lag_events: undurable, projected_journal_id: projected, projection_lag_ms: late, clock, inboxes, connections }) {
  const waiting = inboxes.filter((/** @type {any} */ one) => one.waiting > 0).sort((/** @type {any} */ one, /** @type {any} */ other) => other.waiting - one.waiting);
  return [
    card("Journal and tables", facts("sums", {
      "Newest durable entry": shares(head), "Decided, on the way to the disk": shares(undurable),
      "Tables have reached": shares(projected), "Tables are behind by": `${shares(late)} ms`, "Clock": clock,
    })),
    card("What it runs, for whom", facts("sums", {
      "Version": version, "Kernel": kernel, "Requests in the works": shares(connections.http),
      "Feeds": shares(connections.feeds), "Command streams": shares(connections.streams),
    })),
    h("section.card", h("h2", `Inboxes (${shares(inboxes.length)})`),
      waiting.length === 0 ? h("p.hint", "Nothing waits.")
        : facts("sums", Object.fromEntries(waiting.slice(0, INBOXES).map((/** @type {any} */ one) => [one.market_id ?? "Of no single market", shares(one.waiting)])))),
  ];
}

/** @param {any} answer */
function checks({ verified_at: at, all_passed: passed, checks: all }) {
  return [
    h("p", { role: "status", class: passed ? "" : "problem" }, passed ? `All ${all.length} hold, ` : "Not all of them hold, ", when(at, "clock")),
    h("ul.events", all.map((/** @type {any} */ check) =>
      h("li", { key: check.name }, h("span", { class: `badge ${check.passed ? "" : "warn"}` }, check.passed ? "Holds" : "Broken"), h("span", inWords(check.name)),
        h("span.muted", check.description, !check.passed && ` ${JSON.stringify(check.details)}`)))),
  ];
}
