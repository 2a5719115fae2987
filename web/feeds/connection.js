/**
 * A websocket that comes back, and the truth about whether it is live.
 *
 * What is silent for five seconds is asked something; what then does not answer within five more is not live, whatever
 * the browser thinks of the socket, and is opened anew: at once the first time, then ever later up to half a minute,
 * with a random part so that a thousand pages do not return in the same instant.
 *
 * A window that nobody looks at hears nothing after a minute: readers at one address may have ten feeds together.
 */
import { createStore } from "../store/store.js";

const SILENT_MS = 5_000;
const UNANSWERED_MS = 5_000;
const LONGEST_WAIT_MS = 30_000;
const UNSEEN_MS = 60_000;

/**
 * @typedef {{live: boolean, heardAt: number}} Liveness
 * @typedef {{
 *   protocol?: string,
 *   opened?: () => void,
 *   heard: (message: any) => void,
 *   probe: () => any,
 *   closed?: (code: number) => void,
 * }} Listener `probe` makes the question to be answered by any message at all
 *
 * @param {string} path
 * @param {Listener} listener
 */
export function connect(path, listener) {
  const liveness = createStore(/** @type {Liveness} */ ({ live: false, heardAt: Date.now() }));
  /** @type {WebSocket | null} */
  let socket = null;
  let failures = 0;
  let openedAt = 0;
  let over = false;
  let asleep = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let unseen;

  function open() {
    const opening = new WebSocket(path, listener.protocol);
    socket = opening;
    timer = setTimeout(lost, SILENT_MS + UNANSWERED_MS);
    opening.onopen = () => {
      openedAt = Date.now();
      // Who lets one in has answered; a feed on which nothing happens says no more than that.
      liveness.set({ live: true, heardAt: Date.now() });
      listener.opened?.();
      quiet();
    };
    opening.onmessage = ({ data }) => {
      for (const message of [JSON.parse(data)].flat()) listener.heard(message);
      const { live, heardAt } = liveness.state;
      if (!live || Date.now() - heardAt > 1000) liveness.set({ live: true, heardAt: Date.now() });
      quiet();
    };
    opening.onclose = ({ code }) => {
      if (socket !== opening) return;
      listener.closed?.(code);
      lost();
    };
  }

  function quiet() {
    clearTimeout(timer);
    timer = setTimeout(() => {
      send(listener.probe());
      timer = setTimeout(lost, UNANSWERED_MS);
    }, SILENT_MS);
  }

  function lost() {
    clearTimeout(timer);
    const dead = socket;
    socket = null;
    dead?.close();
    if (over) return;
    liveness.set({ live: false });
    // What is let in and then closed at once has failed as well: it must not come back without a pause for ever.
    if (openedAt > 0 && Date.now() - openedAt > SILENT_MS) failures = 0;
    openedAt = 0;
    if (asleep) return;
    const wait = failures === 0 ? 0 : Math.min(LONGEST_WAIT_MS, 500 * 2 ** failures);
    failures += 1;
    timer = setTimeout(open, wait / 2 + (Math.random() * wait) / 2);
  }

  /** @param {any} message */
  function send(message) {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  }

  function looked() {
    clearTimeout(unseen);
    if (document.hidden) {
      unseen = setTimeout(() => {
        asleep = true;
        lost();
      }, UNSEEN_MS);
    } else if (asleep) {
      asleep = false;
      open();
    }
  }

  document.addEventListener("visibilitychange", looked);
  open();
  return {
    liveness,
    send,
    close() {
      over = true;
      clearTimeout(unseen);
      document.removeEventListener("visibilitychange", looked);
      lost();
    },
  };
}
