/** How markets stand, as it changes: all of them, or one. */
import { createStore } from "../store/store.js";
import { connect } from "./connection.js";

/**
 * @typedef {{
 *   market_id: string, status: string, trading_mode: string, pause_until: string | null,
 *   best_bid_cents: number | null, best_ask_cents: number | null, spot_half_cents: number | null,
 *   last_trade_price_cents: number | null, open_24h_cents: number | null, volume_24h: number,
 *   trades_24h: number, open_interest: number, updated_at: string,
 * }} Ticker
 */

/** @param {string | null} [marketId] */
export function followTickers(marketId = null) {
  const path = marketId === null ? "/ws/v1/ticker" : `/ws/v1/ticker?markets=${encodeURIComponent(marketId)}`;
  const tickers = createStore({ byMarket: /** @type {Map<string, Ticker>} */ (new Map()), whole: false });

  const connection = connect(path, {
    probe: () => ({ action: "REQUEST_SNAPSHOT" }),
    heard(message) {
      if (message.type === "TICKER_SNAPSHOT") {
        tickers.set({ byMarket: new Map(message.tickers.map((/** @type {Ticker} */ one) => [one.market_id, one])), whole: true });
      } else if (message.type === "TICKER") {
        // The map is changed in place: with a thousand markets a copy for each change would be most of the work.
        tickers.state.byMarket.set(message.market_id, message);
        tickers.set({});
      }
    },
  });
  return { store: tickers, ...connection };
}
