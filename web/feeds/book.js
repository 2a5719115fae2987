/**
 * The order book of one market as the exchange has it: a snapshot, then every change. A message that is missing makes
 * the picture worthless; it asks for a new one and changes nothing until that is there.
 */
import { createStore } from "../store/store.js";
import { connect } from "./connection.js";

/**
 * Shares that wait at each price of YES; index 1 to 99 is the price in cents.
 * @typedef {{bids: Float64Array, asks: Float64Array, whole: boolean, at: number}} Book
 */

const ASK_FOR_ALL = { action: "REQUEST_SNAPSHOT" };
/** One such question a second is answered. */
const ASK_AGAIN_MS = 1_100;

/** @param {string} marketId */
export function followBook(marketId) {
  const book = createStore(/** @type {Book} */ ({ bids: empty(), asks: empty(), whole: false, at: 0 }));
  let sequence = 0;
  let askedAt = 0;

  const connection = connect(() => `/ws/v1/orderbook/${encodeURIComponent(marketId)}`, {
    probe: () => ASK_FOR_ALL,
    heard(message) {
      if (message.type !== "ORDERBOOK_UPDATE") return;
      const { yes, update_type: kind, sequence_id: number, timestamp_ms: at } = message;
      const { bids, asks, whole } = book.state;
      if (kind === "SNAPSHOT") {
        sequence = number;
        book.set({ bids: fill(empty(), yes.bids), asks: fill(empty(), yes.asks), whole: true, at });
      } else if (number === sequence + 1) {
        sequence = number;
        book.set({ bids: fill(bids, yes.bids), asks: fill(asks, yes.asks), at });
      } else {
        if (whole) book.set({ whole: false });
        if (Date.now() - askedAt < ASK_AGAIN_MS) return;
        askedAt = Date.now();
        connection.send(ASK_FOR_ALL);
      }
    },
  });
  return { store: book, liveness: connection.liveness, close: connection.close };
}

function empty() {
  return new Float64Array(100);
}

/** @param {Float64Array} side @param {{price_cents: number, total_quantity: number}[]} levels */
function fill(side, levels) {
  for (const { price_cents: price, total_quantity: quantity } of levels) side[price] = quantity;
  return side;
}
