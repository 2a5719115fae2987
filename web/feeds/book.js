/**
 * The order book of one market as the exchange has it: a snapshot, then every change. A message that is missing makes
 * the picture worthless; it asks for a new one and changes nothing until that is there.
 */
import { createStore } from "../store/store.js";
import { connect } from "./connection.js";
import { seldom } from "./seldom.js";

/**
 * Shares that wait at each price of YES; index 1 to 99 is the price in cents.
 * @typedef {{bids: Float64Array, asks: Float64Array, whole: boolean}} Book
 */

const ASK_FOR_ALL = { action: "REQUEST_SNAPSHOT" };
/** One such question a second is answered. */
const ASK_AGAIN_MS = 1_100;

/** @param {string} marketId */
export function followBook(marketId) {
  const book = createStore(/** @type {Book} */ ({ ...empty(), whole: false }));
  const asking = seldom(async () => connection.send(ASK_FOR_ALL), ASK_AGAIN_MS);
  let sequence = 0;

  const connection = connect(`/ws/v1/orderbook/${encodeURIComponent(marketId)}`, {
    probe: () => ASK_FOR_ALL,
    heard(message) {
      if (message.type !== "ORDERBOOK_UPDATE") return;
      const { yes, update_type: kind, sequence_id: number } = message;
      const { bids, asks, whole } = kind === "SNAPSHOT" ? { ...empty(), whole: true } : book.state;
      if (kind === "SNAPSHOT" || number === sequence + 1) {
        sequence = number;
        book.set({ bids: fill(bids, yes.bids), asks: fill(asks, yes.asks), whole });
      } else {
        book.set({ whole: false });
        asking.ask();
      }
    },
  });
  return { store: book, ...connection };
}

const empty = () => ({ bids: new Float64Array(100), asks: new Float64Array(100) });

/** @param {Float64Array} side @param {{price_cents: number, total_quantity: number}[]} levels */
function fill(side, levels) {
  for (const { price_cents: price, total_quantity: quantity } of levels) side[price] = quantity;
  return side;
}
