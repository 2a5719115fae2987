/**
 * What happens to me: own orders and trades, and what becomes of the markets, in the journal's order. After a break it
 * goes on behind the last id that was heard, so that nothing is missed and nothing is told twice.
 */
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
  const next = () => (cid += 1);
  /** @type {Map<number, (result: any) => void>} */
  const waiting = new Map();

  /** @param {any} command @param {(result: any) => void} answered */
  function command(command, answered) {
    const number = next();
    waiting.set(number, answered);
    connection.send({ cid: number, ...command });
  }

  const connection = connect("/ws/v1/commands", {
    protocol: "pm.v1.json",
    probe: () => ({ cid: next(), op: "ping" }),
    async opened() {
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
      } else if (message.t === "result") {
        waiting.get(message.cid)?.(message);
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
  return connection;
}
