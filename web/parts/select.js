/** One of several, from a list that opens. */
import { h } from "../draw/dom.js";

/**
 * @param {Record<string, any>} attributes a name that is heard, if no label gives one
 * @param {Record<string, string>} options words by value
 * @param {string} chosen
 * @param {(value: string) => void} choose
 */
export const select = (attributes, options, chosen, choose) =>
  h("select", { ...attributes, on: { input: (/** @type {any} */ event) => choose(event.target.value) } },
    Object.entries(options).map(([value, text]) => h("option", { key: value, value, selected: value === chosen }, text)));
