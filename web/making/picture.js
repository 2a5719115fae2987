/** The states as a picture: where an order stands, where it has been, and what else there is. */
import { h } from "../draw/dom.js";
import { STATES, stateOf } from "./states.js";

const PARTS = [...new Set(Object.values(STATES).map(({ part }) => part))];

/** @param {string} state @param {Set<string>} passed where it has been */
export function picture(state, passed) {
  /** @param {string} name */
  const station = (name) => {
    const isHere = name === state;
    const looks = isHere ? `here ${stateOf(name).kind ?? ""}` : passed.has(name) ? "passed" : "";
    return h("li", { key: name, class: looks, "aria-current": isHere && "step" },
      stateOf(name).name, !isHere && passed.has(name) && h("span.unseen", " (passed)"));
  };
  return h("ol.way", { "aria-label": "Its way", tabindex: "0" }, PARTS.map((part) =>
    h("li", { key: part }, h("h3", part),
      h("ul", Object.keys(STATES).filter((name) => STATES[name].part === part).map(station)))));
}

/** @param {string} state */
export const stateBadge = (state) => h("span", { class: `badge ${stateOf(state).kind ?? ""}` }, stateOf(state).name);
