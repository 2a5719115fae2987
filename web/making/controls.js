/** What can be done with an order: a button for exactly each command that the exchange allows now. */
import { ExchangeError } from "../api/api.js";
import { h } from "../draw/dom.js";
import { dollars, shares } from "../draw/format.js";
import { confirm } from "../parts/confirm.js";
import { words } from "../parts/words.js";
import { redraw } from "../store/store.js";
import { openJoining } from "./joining.js";
import { stateOf } from "./states.js";
import { openWithdrawal } from "./withdrawal.js";

/** @typedef {{name: string, does: string, request?: string, kind?: string, weigh?: boolean}} Command `weigh`: it is asked again; without a `request` there is more to choose */
/** @type {Record<string, Command>} */
const COMMANDS = {
  start: { request: "POST /market-making/orders/{order_id}/start", name: "Start", does: "It begins to quote.", kind: "primary" },
  pause: { request: "POST /market-making/orders/{order_id}/pause", name: "Pause", does: "Its quotes are cancelled at once; it can go on later." },
  resume: { request: "POST /market-making/orders/{order_id}/resume", name: "Resume", does: "It quotes again.", kind: "primary" },
  join_campaign: { name: "Join a campaign", does: "What its quotes trade earns a part of a reward." },
  withdraw: { name: "Withdraw", does: "Cash and shares come back to your account." },
  stop: { request: "POST /market-making/orders/{order_id}/stop", name: "Stop", does: "Its quotes are cancelled, and it never quotes again.", kind: "danger", weigh: true },
  delete: { request: "POST /market-making/orders/{order_id}/delete", name: "Delete", does: "It leaves your lists for good; its record stays.", kind: "danger", weigh: true },
};

/**
 * @param {{
 *   api: import("../api/api.js").Api, act: import("../api/api.js").Api, order: () => any, done: (order: any, words: string) => void,
 *   titleOf: (marketId: string) => string, say: import("../shell/notices.js").Notices["say"],
 * }} what
 */
export function createControls({ api, act, order, done, titleOf, say }) {
  let busy = "";

  /** @param {Command} command */
  async function send({ name, request }) {
    busy = name;
    redraw();
    try {
      const { order: after, changed } = await act(String(request), { order_id: order().order_id });
      done(after, `It is ${stateOf(after.state).name.toLowerCase()}${changed ? " now" : " already"}.`);
    } catch (error) {
      if (!(error instanceof ExchangeError)) throw error;
      say(words(error), "wrong");
    }
    busy = "";
    redraw();
  }

  /** @param {Command} command */
  function weigh(command) {
    const { escrow, quotes } = order();
    confirm({
      title: `${command.name} this order?`, act: command.name, send: () => send(command),
      says: [
        `${command.does} This cannot be taken back. It holds ${dollars(escrow.cash_cents + escrow.frozen_cents)}, `,
        `${shares(escrow.yes)} YES and ${shares(escrow.no)} NO, and has ${quotes.length} quotes in the book.`,
      ],
    });
  }

  async function join() {
    try {
      const { items } = await api("GET /campaigns", { market_id: order().market_id, status: "active", limit: 100 });
      if (items.length) openJoining({ act, campaigns: items, orders: [order()], titleOf, joined: done });
      else say("No campaign is open in this market.");
    } catch (error) {
      say(words(/** @type {any} */ (error)), "wrong");
    }
  }

  /** @param {Command} command */
  function begin(command) {
    if (command === COMMANDS.withdraw) openWithdrawal({ act, order, done });
    else if (command === COMMANDS.join_campaign) join();
    else if (command.weigh) weigh(command);
    else send(command);
  }

  return {
    view() {
      const allowed = Object.keys(COMMANDS).filter((name) => order().allowed_commands.includes(name)).map((name) => COMMANDS[name]);
      if (allowed.length === 0) return h("p.hint", "Nothing more: it is over.");
      return h("ul.controls", allowed.map((command) =>
        h("li", { key: command.name },
          h("button", { class: command.kind, disabled: busy !== "", on: { click: () => begin(command) } }, busy === command.name ? "Sending" : command.name),
          h("span.hint", command.does))));
    },
  };
}
