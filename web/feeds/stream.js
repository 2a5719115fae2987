/**
 * What happens to me: own orders and trades, and what becomes of the markets, in the journal's order. After a break it
 * goes on behind the last id that was heard, so that nothing is missed and nothing is told twice. A question whose
 * answer the break took with it is asked anew.
 */
import { ExchangeError } from "../api/api.js";
import { connect } from "./connection.js";

const TOPICS = ["order_events", "trade_events", "market_events", "mode_events", "mm_events", "mm_trade_events"];
const TOKEN_ENDED = 4401;

/**
 * @param {import("../session/session.js").Session} session
 * @param {(topic: string, event: any) => void} tell
 */
export function followStream(session, tell) {
  let cid = 0;
  let heardUpTo = 0;
  let shown = "";
  let greeted = false;
  const next = () => (cid += 1);
  /** Who hears the result of a command, with the orders that came ahead of it. @type {Map<number, {answered: (result: any) => void, orders: any[]}>} */
  const waiting = new Map();
  /** Sends each question that has no answer yet. @type {Set<() => void>} */
  const questions = new Set();

  /** @param {any} command @param {(result: any, orders: any[]) => void} answered */
  function command(command, answered) {
    const number = next();
    waiting.set(number, { answered: (result) => answered(result, waiting.get(number)?.orders ?? []), orders: [] });
    connection.send({ cid: number, ...command });
  }

  const connection = connect("/ws/v1/commands", {
    protocol: "pm.v1.json",
    probe: () => ({ cid: next(), op: "ping" }),
    async opened() {
      greeted = false;
      waiting.clear();
      shown = (await session.token()) ?? "";
      // In a frame and not in the address: addresses are written into logs.
      command({ op: "auth", token: shown }, () => {});
    },
    heard(message) {
      if (message.t === "hello") {
        const going = heardUpTo > 0 ? { op: "resume", after: heardUpTo } : { op: "subscribe" };
        command({ ...going, topics: TOPICS }, (result) => {
          // What is too long ago to be told again, or was before the first word, is read anew by whoever hears this.
          if (!result.ok) heardUpTo = 0;
          tell("everything", null);
          if (!result.ok) command({ op: "subscribe", topics: TOPICS }, () => {});
        });
        greeted = true;
        for (const send of questions) send();
      } else if (message.t === "part") {
        waiting.get(message.cid)?.orders.push(...message.data.orders);
      } else if (message.t === "result") {
        waiting.get(message.cid)?.answered(message);
        waiting.delete(message.cid);
      } else if (message.t === "event") {
        heardUpTo = message.seq;
        tell(message.topic, message.data);
      } else if (message.t === "heartbeat") {
        heardUpTo = message.seq;
      }
    },
    closed(code) {
      if (code === TOKEN_ENDED) session.renew(shown);
    },
  });

  return {
    ...connection,
    /**
     * What I have in a market, as of one moment: cash, shares and all open orders.
     * @param {string} marketId @returns {Promise<{balance: any, position: any, orders: any[]}>}
     */
    look: (marketId) => new Promise((seen, refused) => {
      const send = () => command({ op: "sync", market_id: marketId }, (result, orders) => {
        questions.delete(send);
        if (result.ok) seen({ ...result.data, orders: [...orders, ...result.data.orders] });
        else refused(new ExchangeError(result));
      });
      questions.add(send);
      if (greeted) send();
    }),
  };
}
