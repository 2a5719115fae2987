/** Whoever draws what stores know hears of every change of any of them. @type {() => void} */
let changed = () => {};

/** @param {() => void} drawer */
export const drawChanges = (drawer) => (changed = drawer);

/**
 * What a screen knows. Answers and feeds change it, drawings read it, and nothing flows the other way.
 *
 * @template {object} State
 * @param {State} initial
 */
export function createStore(initial) {
  let state = initial;
  /** @type {Set<() => void>} */
  const readers = new Set();
  return {
    get state() {
      return state;
    },
    /** @param {Partial<State>} changes */
    set(changes) {
      state = { ...state, ...changes };
      for (const reader of readers) reader();
      changed();
    },
    /** For whoever does more than to draw. @param {() => void} reader @returns {() => void} who calls it reads no longer */
    read(reader) {
      readers.add(reader);
      return () => readers.delete(reader);
    },
  };
}
