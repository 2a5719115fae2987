/** @type {() => void} */
let drawer = () => {};

/** Whoever draws what stores know hears of every change of any of them. @param {() => void} draws */
export const drawChanges = (draws) => (drawer = draws);

/** What is not in a store has changed. */
export const redraw = () => drawer();

/**
 * What a screen knows. Answers and feeds change it, drawings read it, and nothing flows the other way.
 *
 * @template {object} State
 * @param {State} initial
 */
export function createStore(initial) {
  let state = initial;
  /** @type {(() => void)[]} */
  const readers = [];
  return {
    get state() {
      return state;
    },
    /** @param {Partial<State>} changes */
    set(changes) {
      state = { ...state, ...changes };
      for (const reader of readers) reader();
      redraw();
    },
    /** For whoever does more than to draw. @param {() => void} reader */
    read(reader) {
      readers.push(reader);
    },
  };
}
