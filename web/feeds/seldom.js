/**
 * Work that is asked for more often than it should be done: at once the first time, then with a rest between two
 * turns, never two at a time, and once more at the end for all that was asked meanwhile. What fails is tried again.
 *
 * @param {() => Promise<void>} work
 * @param {number} restMs
 * @param {number} [everyMs] for what changes without a word: it is asked for so often, too, and when somebody looks again
 */
export function seldom(work, restMs, everyMs = 0) {
  let asked = false;
  let busy = false;
  let over = false;

  async function turn() {
    if (busy || over || !asked) return;
    [asked, busy] = [false, true];
    let rest = restMs;
    try {
      await work();
    } catch (error) {
      asked = true;
      rest = Math.max(rest, /** @type {any} */ (error).retryAfter * 1000 || 0);
    }
    setTimeout(() => {
      busy = false;
      turn();
    }, rest);
  }

  function ask() {
    asked = true;
    turn();
  }

  const look = () => document.hidden || ask();
  const timer = everyMs && setInterval(look, everyMs);
  if (timer) document.addEventListener("visibilitychange", look);

  return {
    ask,
    stop() {
      over = true;
      clearInterval(timer);
      document.removeEventListener("visibilitychange", look);
    },
  };
}
