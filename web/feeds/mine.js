/** Who wants to hear what happens to the person who is signed in; the stream is open while there is one. */
import { followStream } from "./stream.js";

/** @param {import("../session/session.js").Session} session */
export function createMine(session) {
  /** @type {Set<(topic: string, event: any) => void>} */
  const listeners = new Set();
  /** @type {ReturnType<typeof followStream> | null} */
  let stream = null;
  /** @type {string | null} */
  let owner = null;

  session.store.read(() => {
    const now = session.store.state.user?.user_id ?? null;
    if (now === owner) return;
    owner = now;
    stream?.close();
    stream = now === null ? null : followStream(session, (topic, event) => {
      for (const listener of listeners) listener(topic, event);
    });
  });

  return {
    /** Null while nobody is signed in. */
    get liveness() {
      return stream?.liveness ?? null;
    },
    /** What somebody who is signed in has in a market. @param {string} marketId */
    look: async (marketId) => stream?.look(marketId),
    /** @param {(topic: string, event: any) => void} listener topic `everything`: read all anew, too much was missed */
    hear(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** @typedef {ReturnType<typeof createMine>} Mine */
