/**
 * Trading on the screen of a market: the ladder, the ticket, and what one has there. They share one draft, and the
 * prices that are shown are those of the side that the draft is of.
 */
import { freshName } from "../api/names.js";
import { h } from "../draw/dom.js";
import { createLadder } from "../ladder/ladder.js";
import { createOrderActs } from "../orders/acts.js";
import { holding } from "../orders/holding.js";
import { openOrders } from "../orders/open_orders.js";
import { createSending } from "../orders/sending.js";
import { became } from "../orders/words.js";
import { createStore } from "../store/store.js";
import { consider, EMPTY } from "../ticket/draft.js";
import { range } from "../ticket/estimate.js";
import { ticket } from "../ticket/ticket.js";

/** What waits ahead of an own order changes without an event of one's own: it is read again, not more often than so. */
const QUEUE_REST_MS = 10_000;
const SIGNED_OUT = 1006;

/**
 * @param {import("../main.js").Page} page
 * @param {{
 *   marketId: string, market: () => any, book: ReturnType<typeof import("../feeds/book.js").followBook>,
 *   own: ReturnType<typeof import("../feeds/own.js").followOwn>, spot: () => number | null, showTicket: () => void,
 * }} screen
 */
export function createTrading({ api, session, notices, query, go }, { marketId, market, book, own, spot, showTicket }) {
  const draft = createStore({
    ...EMPTY, price: query.get("price") ?? "", amount: query.get("amount") ?? "",
    direction: /** @type {"BUY" | "SELL"} */ (query.get("direction") === "SELL" ? "SELL" : "BUY"),
    side: /** @type {"YES" | "NO"} */ (query.get("side") === "NO" ? "NO" : "YES"),
  });
  const acts = createOrderActs({ api, notices, changed: own.refresh, titleOf });
  const ladder = createLadder({ pick: (price) => fill({ isMarket: false, price: String(price) }, false), turn: (side) => draft.set({ side }) });
  /** @returns {string} */
  function titleOf() {
    return market()?.title ?? "this market";
  }

  let over = false;
  const sending = createSending({
    api,
    settled({ phase, answer, error }) {
      own.refresh();
      if (phase === "done") draft.set({ amount: "", cap: "" });
      if (error?.code === SIGNED_OUT) go(signIn());
      // Whoever went elsewhere meanwhile is told there.
      else if (over) notices.say(phase === "done" ? became(answer) : `Your order was not placed. ${error?.message}`, phase === "done" ? "done" : "wrong");
    },
  });

  let stood = "";
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let rereading;
  function noticeQueue() {
    const stand = own.store.state.orders.map(level).join();
    if (stand === stood) return;
    stood = stand;
    rereading ??= setTimeout(() => {
      rereading = undefined;
      own.refresh();
    }, QUEUE_REST_MS);
  }

  book.store.read(noticeQueue);

  /** @param {any} order */
  const level = ({ book_direction: direction, book_price_cents: price }) => book.store.state[direction === "BUY" ? "bids" : "asks"][price];

  /** @param {Partial<import("../ticket/draft.js").Draft>} changes @param {boolean} [focus] */
  function fill(changes, focus = true) {
    draft.set(changes);
    showTicket();
    if (focus) requestAnimationFrame(() => document.getElementById("amount")?.focus());
  }

  /** Where one signs in, and comes back to this very ticket. */
  function signIn() {
    const { direction, side, price, amount } = draft.state;
    return `/login?${new URLSearchParams({ then: `/markets/${encodeURIComponent(marketId)}?${new URLSearchParams({ direction, side, price, amount })}` })}`;
  }

  function scene() {
    const { orders, queue } = own.store.state;
    // No more can stand ahead than stands there, which the book knows sooner.
    const mine = orders.map((/** @type {any} */ order) =>
      ({ ...order, ahead: Math.max(0, Math.min(queue.get(order.id)?.shares_ahead ?? 0, level(order) - order.remaining_quantity)) }));
    return {
      market: market(), book: book.store.state, isLive: book.liveness.state.live, own: own.store.state, mine,
      isSomebody: session.store.state.user !== null, now: Date.now(),
    };
  }

  return {
    keys: [
      { keys: "b", does: "Buy", act: () => fill({ direction: "BUY" }) },
      { keys: "s", does: "Sell", act: () => fill({ direction: "SELL" }) },
    ],
    ladder() {
      const { side } = draft.state;
      return ladder({ book: book.store.state, side, ...(market() ? range(market(), side) : { low: 1, high: 99 }), own: scene().mine });
    },
    ticket: () => ticket({
      draft: draft.state, scene: scene(), considered: consider(draft.state, scene()), sent: sending.store.state, signIn: signIn(),
      change(changes) {
        draft.set(changes);
        // What was said of the last order is not said of the next.
        const { phase, againAt } = sending.store.state;
        if ((phase === "done" || phase === "refused") && againAt < Date.now()) sending.forget();
      },
      send() {
        const { phase, againAt } = sending.store.state;
        const { request, reason } = consider(draft.state, scene());
        const isFree = !["sending", "asking", "missing"].includes(phase) && againAt < Date.now();
        if (isFree && reason === null && session.store.state.user) sending.send({ ...request, client_order_id: freshName() });
      },
      again: sending.again,
      clear() {
        const { direction, side } = draft.state;
        draft.set({ ...EMPTY, direction, side });
        if (!["sending", "asking"].includes(sending.store.state.phase)) sending.forget();
      },
    }),
    mine() {
      const { whole, position, orders, queue } = own.store.state;
      if (session.store.state.user === null) return null;
      if (!whole) return h("p.loading", "Loading");
      return [
        h("h2", "My position"),
        holding({ position, spot: spot(), sell: (side, quantity) => fill({ direction: "SELL", side, inDollars: false, amount: String(quantity) }) }),
        h("h2", "My orders"),
        orders.length === 0
          ? h("p.hint", "You have no open orders here. What does not fill at once waits here.")
          : openOrders({ orders, ahead: queue, titleOf, ...acts, leaving: acts.store.state.leaving }),
      ];
    },
    close() {
      over = true;
      clearTimeout(rereading);
      acts.close();
    },
  };
}
