/** Names, and what stands behind them. */
import { h } from "../draw/dom.js";

/** @param {string} looks @param {Record<string, import("../draw/dom.js").Drawing>} values what is false is left out */
export const facts = (looks, values) =>
  h("dl", { class: looks }, Object.entries(values).map(([name, value]) => value !== false && h("div", { key: name }, h("dt", name), h("dd", value))));
